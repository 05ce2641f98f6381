import type { Cell } from '@jupyterlab/cells';
import type { CellList, NotebookPanel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';

import { effectiveMark } from './marking';
import { markLabel } from './tags';

type Change = Parameters<Parameters<CellList['changed']['connect']>[0]>[1];

/** What the style sheet reads: an attribute costs no element, and so a notebook of thousands of cells nothing. */
const ATTRIBUTE = 'nbshipStep';

/**
 * Shows each cell's step on the cell.
 *
 * A cell is looked at when it comes, when its metadata change and when it ran; never while somebody types.
 */
export class StepBadges {
  constructor(private readonly panel: NotebookPanel) {
    void panel.context.ready.then(() => {
      const cells = panel.content.model?.cells;
      if (cells !== undefined && !panel.isDisposed) {
        cells.changed.connect(this.onCells, this);
        panel.content.widgets.forEach(cell => this.follow(cell));
      }
    });
    panel.disposed.connect(() => Signal.clearData(this));
  }

  private onCells(_: CellList, change: Change): void {
    // What was removed takes its signals with it.
    if (change.type !== 'remove') {
      change.newValues.forEach((__, offset) => {
        const cell = this.panel.content.widgets[change.newIndex + offset];
        if (cell !== undefined) {
          this.follow(cell);
        }
      });
    }
  }

  private follow(cell: Cell): void {
    const show = (): void => this.show(cell);
    if (!this.followed.has(cell)) {
      this.followed.add(cell);
      cell.model.metadataChanged.connect(show, this);
      cell.model.stateChanged.connect(show, this);
    }
    show();
  }

  private show(cell: Cell): void {
    const label = markLabel(effectiveMark(cell.model));
    if (label === '') {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- how a data attribute is taken away
      delete cell.node.dataset[ATTRIBUTE];
    } else if (cell.node.dataset[ATTRIBUTE] !== label) {
      cell.node.dataset[ATTRIBUTE] = label;
    }
  }

  private readonly followed = new WeakSet<Cell>();
}
