import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';

import { type Mark, markOf, saidBySource, stepMark, stepName, withMark } from './tags';

export const readMark = (cell: ICellModel): Mark => markOf(cell.getMetadata('tags'));

/** The step that `%%ship` at a cell's top names; it goes before any tag, as in an export. */
export const saidByCell = (cell: ICellModel): string | null =>
  cell.type === 'code' ? saidBySource(cell.sharedModel.getSource()) : null;

/** The mark that holds for a cell. */
export function effectiveMark(cell: ICellModel): Mark {
  const said = saidByCell(cell);
  return said === null ? readMark(cell) : stepMark(said);
}

/** Write marks, all of them as one step of the notebook's undo history. */
export function mark(notebook: INotebookModel, marks: readonly [ICellModel, Mark][]): void {
  if (notebook.readOnly) {
    return;
  }
  notebook.sharedModel.transact(() => {
    for (const [cell, to] of marks) {
      const tags = withMark(cell.getMetadata('tags'), to);
      if (tags.length > 0) {
        cell.setMetadata('tags', tags);
      } else {
        cell.deleteMetadata('tags');
      }
    }
  });
}

/** The names of the notebook's steps, in the order of their first cells. */
export function stepNames(notebook: INotebookModel): string[] {
  const names = new Set<string>();
  for (const cell of notebook.cells) {
    const name = stepName(readMark(cell));
    if (name !== null) {
      names.add(name);
    }
  }
  return [...names];
}
