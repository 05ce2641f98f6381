import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';

import { SeverityIcon } from '../view/Icon';
import { severityWord } from '../view/SeverityLabel';
import type { Situation } from '../view/situation';
import { glance } from '../view/summary';
import type { Words } from '../view/words';
import { ISidebar } from './token';
import { statusText } from './words';

/** `churn v4 @champion, 2 drifting`, beside the kernel's state; it opens the panel. */
export const status: JupyterFrontEndPlugin<void> = {
  id: 'nbship:status',
  description: 'Shows the open notebook’s model in the status bar.',
  autoStart: true,
  requires: [ISidebar],
  optional: [IStatusBar, ITranslator],
  activate: (
    _: JupyterFrontEnd,
    sidebar: ISidebar,
    bar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    const words = (translator ?? nullTranslator).load('nbship');
    const item = ReactWidget.create(
      <UseSignal signal={sidebar.model.changed}>
        {() => (
          <Item situation={sidebar.model.situation} words={words} onOpen={() => sidebar.open()} />
        )}
      </UseSignal>
    );
    item.addClass('jp-nbship-status-item');
    bar?.registerStatusItem('nbship:status', {
      item,
      align: 'left',
      rank: 900,
      isActive: () => modelOf(sidebar.model.situation) !== null,
      activeStateChanged: sidebar.model.changed
    });
  }
};

const modelOf = (situation: Situation): string | null =>
  'notebook' in situation ? (situation.notebook?.model ?? null) : null;

interface ItemProps {
  situation: Situation;
  words: Words;
  onOpen: () => void;
}

function Item({ situation, words, onOpen }: ItemProps) {
  const model = modelOf(situation);
  if (model === null) {
    return <></>;
  }
  const state = situation.kind === 'ready' ? situation.state : null;
  return (
    <button
      type="button"
      className="jp-nbship-status"
      title={words.__('Show the model’s state and drift')}
      onClick={onOpen}
    >
      {state !== null && <Worst situation={situation} words={words} />}
      <bdi>{model}</bdi>
      {state !== null && statusText(situation, words)}
    </button>
  );
}

function Worst({ situation, words }: Omit<ItemProps, 'onOpen'>) {
  const severity = situation.kind === 'ready' ? glance(situation.state).severity : null;
  return severity === null ? null : (
    <>
      <SeverityIcon severity={severity} />
      <span className="jp-nbship-sr">{severityWord(severity, words)}: </span>
    </>
  );
}
