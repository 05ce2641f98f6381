import { type ICellModel, type ICodeCellModel, isCodeCellModel } from '@jupyterlab/cells';
import type { INotebookModel, INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { UUID } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

import { readNotebook } from './metadata';
import type { Kernel, Notebook } from './view/situation';

/** The open notebook: the model it names, its cells, its kernel, and whether it is trusted. */
export class OpenNotebook {
  constructor(private readonly tracker: INotebookTracker) {
    tracker.currentChanged.connect(this.follow, this);
    this.follow();
  }

  /** Emitted when another notebook comes to the front or this one names another model. */
  get changed(): ISignal<this, void> {
    return this.signal;
  }

  /** Emitted at each change of its contents: whoever listens waits for a pause. */
  get contentChanged(): ISignal<this, void> {
    return this.contentSignal;
  }

  /** Emitted when its kernel or its trust changes. */
  get conditionChanged(): ISignal<this, void> {
    return this.conditionSignal;
  }

  get current(): Notebook | null {
    return this.notebook;
  }

  get panel(): NotebookPanel | null {
    return this.followed;
  }

  get cells(): readonly ICellModel[] {
    return [...(this.model?.cells ?? [])];
  }

  get model(): INotebookModel | null {
    return this.ready ? (this.followed?.content.model ?? null) : null;
  }

  /** As Jupyter has it: each code cell was run or trusted by the user, or shows nothing that could harm. */
  get trusted(): boolean {
    return this.cells.every(cell => !isCodeCellModel(cell) || cell.trusted || !isRich(cell));
  }

  get kernel(): Kernel {
    switch (this.followed?.sessionContext.kernelDisplayStatus) {
      case 'busy':
        return 'busy';
      case 'dead':
      case 'terminating':
        return 'dead';
      case 'starting':
      case 'restarting':
      case 'autorestarting':
      case 'initializing':
        return 'starting';
      case 'idle':
        return 'idle';
      default:
        return 'none';
    }
  }

  /** The notebook as a file would hold it, without what its cells put out. */
  toDocument(): object {
    const cells = this.cells.map(cell => ({
      id: cell.id,
      cell_type: cell.type,
      source: cell.sharedModel.getSource(),
      metadata: { tags: (cell.getMetadata('tags') as unknown) ?? [] },
      ...(isCodeCellModel(cell) && { outputs: [], execution_count: cell.executionCount })
    }));
    return { cells, metadata: kernelMetadata(this.model), nbformat: 4, nbformat_minor: 5 };
  }

  /** Write the model's name into the notebook; saving stays the user's. */
  setModel(model: string): void {
    const notebook = this.model;
    if (notebook !== null) {
      const before = notebook.getMetadata('nbship') as Record<string, unknown> | undefined;
      const id = before?.['id'] ?? UUID.uuid4();
      const profile = before?.['profile'] ?? 'default';
      notebook.setMetadata('nbship', { ...before, id, model, profile });
    }
  }

  dispose(): void {
    this.release();
    Signal.clearData(this);
  }

  private follow(): void {
    const panel = this.tracker.currentWidget;
    if (panel === this.followed) {
      return;
    }
    this.release();
    this.followed = panel;
    if (panel === null) {
      this.read();
      return;
    }
    panel.sessionContext.statusChanged.connect(this.onCondition, this);
    panel.sessionContext.kernelChanged.connect(this.onCondition, this);
    void panel.context.ready.then(() => {
      if (panel === this.followed && !panel.isDisposed) {
        this.ready = true;
        panel.content.model?.metadataChanged.connect(this.read, this);
        panel.content.model?.contentChanged.connect(this.onContent, this);
        panel.content.model?.cells.changed.connect(this.watchTrust, this);
        this.watchTrust();
        panel.context.pathChanged.connect(this.read, this);
        this.read();
        this.onContent();
        this.onCondition();
      }
    });
  }

  private release(): void {
    this.ready = false;
    if (this.followed !== null && !this.followed.isDisposed) {
      Signal.disconnectReceiver(this);
      this.tracker.currentChanged.connect(this.follow, this);
    }
    this.followed = null;
  }

  private read(): void {
    const model = this.model;
    const path = this.followed?.context.localPath ?? '';
    const next = model === null ? null : readNotebook(path, model.getMetadata('nbship'));
    if (JSON.stringify(next) !== JSON.stringify(this.notebook)) {
      this.notebook = next;
      this.signal.emit();
    }
  }

  /** Trust is a cell's own state: it comes by a command, and by running the cell. */
  private watchTrust(): void {
    for (const cell of this.cells) {
      cell.stateChanged.connect(this.onCellState, this);
    }
  }

  private onCellState(_: ICellModel, { name }: { name: string }): void {
    if (name === 'trusted') {
      this.onCondition();
    }
  }

  private onContent(): void {
    this.contentSignal.emit();
  }

  private onCondition(): void {
    this.conditionSignal.emit();
  }

  private followed: NotebookPanel | null = null;
  private ready = false;
  private notebook: Notebook | null = null;
  private readonly signal = new Signal<this, void>(this);
  private readonly contentSignal = new Signal<this, void>(this);
  private readonly conditionSignal = new Signal<this, void>(this);
}

const isRich = ({ outputs }: ICodeCellModel): boolean =>
  Array.from({ length: outputs.length }, (_, place) => outputs.get(place).type).some(
    type => type === 'execute_result' || type === 'display_data'
  );

/** The kernel's name and language: all of the metadata that a reader of cells needs. */
function kernelMetadata(notebook: INotebookModel | null): object {
  const kernelspec: unknown = notebook?.getMetadata('kernelspec');
  const language: unknown = notebook?.getMetadata('language_info');
  return {
    ...(kernelspec !== undefined && { kernelspec }),
    ...(language !== undefined && { language_info: language })
  };
}
