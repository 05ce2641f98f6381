import { type ICellModel } from '@jupyterlab/cells';
import { NotebookActions } from '@jupyterlab/notebook';
import type { CommandRegistry } from '@lumino/commands';

import type { SidebarModel } from './model';
import type { OpenNotebook } from './notebook';
import type { About, Server } from './server';
import { mark } from './steps/marking';
import type { Mark } from './steps/tags';
import { type Actions, Refused } from './view/situation';
import type { ProposedStep } from './view/state';
import type { WorkbenchModel } from './workbench';

interface Parts {
  notebook: OpenNotebook;
  sidebar: SidebarModel;
  workbench: WorkbenchModel;
  server: Server;
  commands: CommandRegistry;
}

/** What the panel can do in JupyterLab. */
export function labActions(parts: Parts): Actions {
  return { ...modelActions(parts), ...jobActions(parts), ...notebookActions(parts) };
}

function modelActions({ notebook, sidebar, server }: Parts): Actions {
  const about = (): About => aboutOf(notebook);
  return {
    refresh: () => sidebar.refresh(),
    setModel: name => notebook.setModel(name),
    models: () => server.models(notebook.current?.profile ?? 'default'),
    drift: version => server.drift(about(), version),
    feature: ({ version, feature, window }) => server.feature(about(), version, feature, window),
    preview: request => server.preview(about(), request, notebook.current?.name ?? ''),
    act: async (request, expected, why) => {
      const outcome = await server.act(about(), request, expected, why);
      sidebar.refresh();
      return outcome;
    },
    settle: async (alert, to, note) => {
      try {
        return await server.settle(about(), alert, to, note);
      } finally {
        sidebar.refresh();
      }
    }
  };
}

function jobActions({ notebook, workbench, server }: Parts): Actions {
  return {
    startExport: async ({ to, yes, fresh }) => {
      const { panel, current } = notebook;
      if (panel === null || current === null) {
        return;
      }
      if (panel.context.model.dirty) {
        await panel.context.save(); // what is exported is the file
      }
      await server.startJob({ kind: 'export', path: current.path, to, yes, fresh });
      workbench.refreshJobs();
    },
    retrain: async () => {
      await server.startJob({ kind: 'retrain', ...aboutOf(notebook) });
      workbench.refreshJobs();
    },
    cancel: async job => {
      await server.cancel(job);
      workbench.refreshJobs();
    },
    log: job => server.log(job)
  };
}

function notebookActions({ notebook, commands }: Parts): Actions {
  return {
    accept: steps => accept(notebook, steps),
    jump: cell => void jump(notebook, cell),
    trust: () => void commands.execute('notebook:trust'),
    restartKernel: () => void commands.execute('notebook:restart-kernel')
  };
}

function aboutOf({ current }: OpenNotebook): About {
  if (current === null || current.model === null) {
    throw new Refused({
      what: 'No notebook with a model is in front.',
      help: 'Open one, or name the model of this one in the panel.'
    });
  }
  return { model: current.model, profile: current.profile };
}

/** Tag the cells of these proposals; one undo takes all of it back. */
export function accept(notebook: OpenNotebook, steps: readonly ProposedStep[]): void {
  const { model } = notebook;
  if (model !== null) {
    const cells = new Map(notebook.cells.map(cell => [cell.id, cell]));
    const marks = steps.flatMap(step =>
      step.cells.flatMap((id): [ICellModel, Mark][] => {
        const cell = cells.get(id);
        return cell === undefined ? [] : [[cell, step.tag]];
      })
    );
    mark(model, marks);
  }
}

/** Bring a cell into view and make it the active one; what is not there any more is passed over. */
export async function jump({ panel, cells }: OpenNotebook, to: string | number): Promise<void> {
  const index = typeof to === 'number' ? to : cells.findIndex(cell => cell.id === to);
  const cell = panel?.content.widgets[index];
  if (panel !== null && cell !== undefined) {
    NotebookActions.expandParent(cell, panel.content);
    panel.content.deselectAll();
    panel.content.activeCellIndex = index;
    panel.content.mode = 'command';
    await panel.content.scrollToItem(index, 'smart');
    await NotebookActions.focusActiveCell(panel.content);
  }
}
