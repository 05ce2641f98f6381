import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { shipIcon } from '../panel';
import { type ActionName, failureOf } from '../view/situation';
import { folderFor } from '../view/Export';
import type { Words } from '../view/words';
import { ISidebar } from './token';

const NO_ARGUMENTS = { args: { type: 'object', properties: {} } };
const VERSION = {
  args: {
    type: 'object',
    properties: {
      version: { type: 'integer', minimum: 1, description: 'The number of the model’s version' }
    }
  }
};
const EXPORT = {
  args: {
    type: 'object',
    properties: {
      to: {
        type: 'string',
        description: 'The folder below the server’s root, made if missing; asked for if left out'
      },
      yes: { type: 'boolean', description: 'Steps may write to databases and to the network' },
      fresh: { type: 'boolean', description: 'Run the notebook although nothing changed' }
    }
  }
};
const JUMP = {
  args: {
    type: 'object',
    properties: {
      cell: { type: ['string', 'integer'], description: 'A cell’s id, or its index from 0' }
    },
    required: ['cell']
  }
};

type Options = CommandRegistry.ICommandOptions;

/** Everything the panel does, as commands: for the palette, for shortcuts, and for who drives JupyterLab by them. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: 'nbship:commands',
  description: 'Commands that show the model, preview actions on it, and export the notebook.',
  autoStart: true,
  requires: [ISidebar],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    sidebar: ISidebar,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const words = (translator ?? nullTranslator).load('nbship');
    const isEnabled = (): boolean => sidebar.model.situation.kind === 'ready';
    const action = (name: ActionName, label: string): Options => ({
      label,
      isEnabled,
      describedBy:
        name === 'promote' || name === 'challenge' || name === 'archive' ? VERSION : NO_ARGUMENTS,
      execute: args => sidebar.ask({ action: name, version: args['version'] as number | undefined })
    });
    const offered: Record<string, Options> = {
      'nbship:open': {
        label: words.__('Show the Model’s State and Drift'),
        icon: shipIcon,
        describedBy: NO_ARGUMENTS,
        execute: () => sidebar.open()
      },
      'nbship:refresh': {
        label: words.__('Refresh the Model’s State'),
        describedBy: NO_ARGUMENTS,
        execute: () => sidebar.model.refresh()
      },
      'nbship:register': action('register', words.__('Register a Model…')),
      'nbship:rollback': action('rollback', words.__('Roll Back the Model…')),
      'nbship:retrain': action('retrain', words.__('Retrain the Model…')),
      'nbship:export': {
        label: words.__('Export the Notebook to a Package…'),
        isEnabled: () => sidebar.notebook.current !== null,
        describedBy: EXPORT,
        execute: args => exportTo(sidebar, args, words)
      }
    };
    const withArguments: Record<string, Options> = {
      'nbship:promote': action('promote', words.__('Promote a Version…')),
      'nbship:challenge': action('challenge', words.__('Try a Version beside the Champion…')),
      'nbship:archive': action('archive', words.__('Archive a Version…')),
      'nbship:jump': {
        label: words.__('Go to a Cell'),
        describedBy: JUMP,
        execute: args => sidebar.actions.jump?.(args['cell'] as string | number)
      }
    };
    for (const [id, options] of Object.entries(offered)) {
      app.commands.addCommand(id, options);
      palette?.addItem({ command: id, category: 'nbship' });
    }
    for (const [id, options] of Object.entries(withArguments)) {
      app.commands.addCommand(id, options);
    }
  }
};

/** Begin an export and show it; a refusal is told, since nobody may be looking at the panel. */
async function exportTo(
  sidebar: ISidebar,
  args: Readonly<Record<string, unknown>>,
  words: Words
): Promise<void> {
  sidebar.open();
  const to = typeof args['to'] === 'string' ? args['to'] : await askFolder(sidebar, words);
  if (to === null) {
    return;
  }
  try {
    await sidebar.actions.startExport?.({
      to,
      yes: args['yes'] === true,
      fresh: args['fresh'] === true
    });
  } catch (error) {
    const { what, help } = failureOf(error);
    await showErrorMessage('nbship', help ? `${what} ${help}` : what);
  }
}

/** Ask where to; null where nothing was said. */
async function askFolder({ notebook }: ISidebar, words: Words): Promise<string | null> {
  if (notebook.current === null) {
    return null;
  }
  const { value } = await InputDialog.getText({
    title: words.__('Export the Notebook to a Package'),
    label: words.__('Into the folder'),
    text: folderFor(notebook.current),
    okLabel: words.__('Export')
  });
  return value?.trim() || null;
}
