import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { labActions } from '../actions';
import { listen } from '../events';
import { SidebarModel } from '../model';
import { OpenNotebook } from '../notebook';
import { SidebarPanel } from '../panel';
import { KeptSections } from '../sections';
import { Server } from '../server';
import { WorkbenchModel } from '../workbench';
import { ISidebar } from './token';

const ID = 'nbship:sidebar';

/** The panel itself; nothing is asked of the server before it is first seen. */
export const sidebar: JupyterFrontEndPlugin<ISidebar> = {
  id: ID,
  description: 'Shows the registry state and the drift of the open notebook’s model.',
  autoStart: true,
  provides: ISidebar,
  requires: [INotebookTracker],
  optional: [ILayoutRestorer, ISettingRegistry, IStateDB, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    states: IStateDB | null,
    translator: ITranslator | null
  ): ISidebar => {
    const { commands, serviceManager, shell } = app;
    const words = (translator ?? nullTranslator).load('nbship');
    const notebook = new OpenNotebook(tracker);
    const server = new Server(serviceManager.serverSettings);
    const model = new SidebarModel(notebook, server);
    const workbench = new WorkbenchModel(notebook, model, server);
    const actions = labActions({ notebook, sidebar: model, workbench, server, commands });
    const sections = new KeptSections(states);
    listen(serviceManager.events, model, workbench);
    void follow(settings, model);

    const panel = new SidebarPanel({ model, workbench, actions, sections, words });
    shell.add(panel, 'right', { rank: 600 });
    restorer?.add(panel, panel.id);
    const open = (): void => shell.activateById(panel.id);
    const ask: ISidebar['ask'] = request => {
      open();
      panel.ask(request);
    };
    return { notebook, model, workbench, actions, open, ask };
  }
};

async function follow(settings: ISettingRegistry | null, model: SidebarModel): Promise<void> {
  try {
    const loaded = await settings?.load(ID);
    const apply = (): void => {
      if (loaded !== undefined) {
        model.configure({
          seconds: loaded.get('refreshInterval').composite as number,
          watchHidden: loaded.get('watchWhileHidden').composite as boolean
        });
      }
    };
    loaded?.changed.connect(apply);
    apply();
  } catch (error) {
    console.error('nbship: the settings could not be read', error);
  }
}
