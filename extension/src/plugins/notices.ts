import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { AlertNews } from '../news';
import type { Alert } from '../view/state';
import type { Words } from '../view/words';
import { ISidebar } from './token';

const ID = 'nbship:notices';
const KEY = 'nbship:notices';

/** More new alerts than these at once are told in one notice. */
const APART = 3;

/** How long a notice is shown; it stays in JupyterLab's list of notices. */
const SHOWN_MS = 10_000;

/** One notice for each new alert, not for each look at it; what was told is remembered with the workspace. */
export const notices: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Tells once of each new alert of the open notebook’s model.',
  autoStart: true,
  requires: [ISidebar],
  optional: [ISettingRegistry, IStateDB, ITranslator],
  activate: (
    _: JupyterFrontEnd,
    sidebar: ISidebar,
    settings: ISettingRegistry | null,
    states: IStateDB | null,
    translator: ITranslator | null
  ) => {
    // The state database answers only once all plugins have started: to wait for it here would wait for ever.
    void begin(sidebar, settings, states, (translator ?? nullTranslator).load('nbship'));
  }
};

async function begin(
  sidebar: ISidebar,
  settings: ISettingRegistry | null,
  states: IStateDB | null,
  words: Words
): Promise<void> {
  const loaded = await settings?.load(ID).catch(() => undefined);
  const kept = await states?.fetch(KEY).catch(() => undefined);
  const news = new AlertNews(Array.isArray(kept) ? kept.map(String) : []);
  const look = (): void => {
    const { situation } = sidebar.model;
    const wanted = loaded?.get('notify').composite !== false;
    if (situation.kind === 'ready' && situation.state.store.reachable && wanted) {
      const fresh = news.of(situation.state.alerts);
      if (fresh.length > 0) {
        tell(fresh, situation.state.model, sidebar, words);
        void states?.save(KEY, news.told).catch(() => undefined);
      }
    }
  };
  sidebar.model.changed.connect(look);
  look();
}

function tell(alerts: Alert[], model: string, sidebar: ISidebar, words: Words): void {
  const actions = [{ label: words.__('Show'), callback: () => sidebar.open() }];
  const options = { actions, autoClose: SHOWN_MS };
  if (alerts.length > APART) {
    Notification.warning(words.__('%1: %2 new alerts', model, alerts.length), options);
    return;
  }
  for (const { subject, reason, tier } of alerts) {
    const text = `${model} · ${subject}: ${reason}`;
    if (tier === 'critical') {
      Notification.error(text, options);
    } else {
      Notification.warning(text, options);
    }
  }
}
