import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { SidebarModel } from './model';
import { OpenNotebook } from './notebook';
import { shipIcon, SidebarPanel } from './panel';
import { Server } from './server';

const SIDEBAR = 'nbship:sidebar';
/** No command here takes arguments. */
const NO_ARGUMENTS = { args: { type: 'object', properties: {} } };

const sidebar: JupyterFrontEndPlugin<void> = {
  id: SIDEBAR,
  description: 'Shows the registry state and the drift of the open notebook’s model.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ILayoutRestorer, ICommandPalette, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const words = (translator ?? nullTranslator).load('nbship');
    const notebook = new OpenNotebook(tracker);
    const model = new SidebarModel(notebook, new Server(app.serviceManager.serverSettings));
    const actions = {
      refresh: () => model.refresh(),
      setModel: (name: string) => notebook.setModel(name)
    };
    const panel = new SidebarPanel(model, actions, words);
    app.shell.add(panel, 'right', { rank: 600 });
    restorer?.add(panel, panel.id);

    const commands = {
      'nbship:open': {
        label: words.__('Show the Model’s State and Drift'),
        icon: shipIcon,
        execute: () => app.shell.activateById(panel.id)
      },
      'nbship:refresh': {
        label: words.__('Refresh the Model’s State'),
        execute: () => model.refresh()
      }
    };
    for (const [id, options] of Object.entries(commands)) {
      app.commands.addCommand(id, { ...options, describedBy: NO_ARGUMENTS });
      palette?.addItem({ command: id, category: 'nbship' });
    }
    void settings?.load(SIDEBAR).then(
      loaded => {
        const apply = (): void => {
          model.interval = loaded.get('refreshInterval').composite as number;
        };
        loaded.changed.connect(apply);
        apply();
      },
      (error: unknown) => console.error('nbship: the settings could not be read', error)
    );
  }
};

export default [sidebar];
