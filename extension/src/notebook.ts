import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { type ISignal, Signal } from '@lumino/signaling';

import { readNotebook } from './metadata';
import type { Notebook } from './view/situation';

/** The open notebook and the model it names, as one signal. */
export class OpenNotebook {
  constructor(private readonly tracker: INotebookTracker) {
    tracker.currentChanged.connect(this.follow, this);
    this.follow();
  }

  /** Emitted when another notebook comes to the front or this one names another model. */
  get changed(): ISignal<this, void> {
    return this.signal;
  }

  get current(): Notebook | null {
    return this.notebook;
  }

  /** Write the model's name into the notebook; saving stays the user's. */
  setModel(model: string): void {
    const notebook = this.panel?.content.model;
    if (notebook) {
      const before = notebook.getMetadata('nbship') as Record<string, unknown> | undefined;
      const id = before?.['id'] ?? crypto.randomUUID();
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
    if (panel === this.panel) {
      return;
    }
    this.release();
    this.panel = panel;
    if (panel === null) {
      this.read();
      return;
    }
    void panel.context.ready.then(() => {
      if (panel === this.panel && !panel.isDisposed) {
        panel.content.model?.metadataChanged.connect(this.read, this);
        panel.context.pathChanged.connect(this.read, this);
        this.read();
      }
    });
  }

  private release(): void {
    if (this.panel !== null && !this.panel.isDisposed) {
      this.panel.content.model?.metadataChanged.disconnect(this.read, this);
      this.panel.context.pathChanged.disconnect(this.read, this);
    }
    this.panel = null;
  }

  private read(): void {
    const model = this.panel?.content.model;
    const name = this.panel?.context.path.split('/').pop() ?? '';
    const next = model ? readNotebook(name, model.getMetadata('nbship')) : null;
    if (JSON.stringify(next) !== JSON.stringify(this.notebook)) {
      this.notebook = next;
      this.signal.emit();
    }
  }

  private panel: NotebookPanel | null = null;
  private notebook: Notebook | null = null;
  private readonly signal = new Signal<this, void>(this);
}
