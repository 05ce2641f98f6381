import { Debouncer, Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { CellSource, Server } from './server';
import {
  failureOf,
  type Kernel,
  type Loaded,
  type Notebook,
  type Workbench
} from './view/situation';
import type { Difference, Health, Job, Proposals } from './view/state';

/** Cells are looked at when nobody has typed for so long. */
const PAUSE_MS = 1500;

/** How often a running job is asked for where the server sends no events; with them, in case one is lost. */
const JOB_MS = 2000;

interface Followed {
  readonly current: Notebook | null;
  readonly trusted: boolean;
  readonly kernel: Kernel;
  readonly changed: ISignal<unknown, void>;
  readonly contentChanged: ISignal<unknown, void>;
  readonly conditionChanged: ISignal<unknown, void>;
  toDocument(): object;
}

interface Registry {
  readonly health: Health | null;
  readonly changed: ISignal<unknown, void>;
}

interface Document {
  cells: (CellSource & { cell_type: string })[];
}

/** An export is about its notebook's file, retraining about a model. */
const isAbout = (job: Job, notebook: Notebook): boolean =>
  job.kind === 'export' ? job.path === notebook.path : job.model === notebook.model;

type Asked = Pick<Server, 'proposals' | 'difference' | 'jobs'>;

/** What the panel knows of the notebook itself; nothing of it is done while somebody types or nobody looks. */
export class WorkbenchModel {
  constructor(
    private readonly notebook: Followed,
    private readonly registry: Registry,
    private readonly server: Asked,
    pauseMs = PAUSE_MS
  ) {
    this.reader = new Debouncer(() => this.read(), pauseMs);
    this.poll = new Poll({
      name: 'nbship:jobs',
      factory: () => this.readJobs(),
      frequency: { interval: JOB_MS, backoff: true, max: 60_000 },
      standby: () => (this.shown && this.running ? 'when-hidden' : true)
    });
    notebook.changed.connect(this.onNotebook, this);
    notebook.contentChanged.connect(this.onContent, this);
    notebook.conditionChanged.connect(this.emit, this);
    registry.changed.connect(this.onRegistry, this);
  }

  get changed(): ISignal<this, void> {
    return this.signal;
  }

  get value(): Workbench | null {
    const { current } = this.notebook;
    const { health } = this.registry;
    return current === null || health === null
      ? null
      : {
          proposals: this.proposals,
          difference: this.difference,
          jobs: this.jobs.filter(job => isAbout(job, current)),
          lost: this.lost,
          may: health.permissions,
          trusted: this.notebook.trusted,
          kernel: this.notebook.kernel
        };
  }

  set visible(visible: boolean) {
    this.shown = visible;
    if (visible) {
      this.onContent();
      this.refreshJobs();
    }
  }

  /** Ask for the jobs at once: one was begun, or the server says that one has moved on. */
  refreshJobs(): void {
    if (this.shown && this.registry.health !== null) {
      // Not by the poll, which rests while nothing runs.
      void this.readJobs().catch(() => undefined);
    }
  }

  dispose(): void {
    this.reader.dispose();
    this.poll.dispose();
    Signal.clearData(this);
  }

  private onNotebook(): void {
    this.proposals = { kind: 'loading' };
    this.difference = null;
    this.readAs = '';
    this.emit();
    this.onContent();
  }

  /** A keystroke costs a timer, no more. */
  private onContent(): void {
    if (this.shown && this.notebook.current !== null) {
      void this.reader.invoke().catch(() => undefined);
    }
  }

  /** The server half answered for the first time, or another version is champion now. */
  private onRegistry(): void {
    const { health } = this.registry;
    if (health !== this.greeted) {
      this.greeted = health;
      this.readAs = '';
      this.onContent();
      this.refreshJobs();
      this.emit();
    }
  }

  private async read(): Promise<void> {
    const { current } = this.notebook;
    if (!this.shown || current === null || this.registry.health === null) {
      return;
    }
    const document = this.notebook.toDocument() as Document;
    const as = JSON.stringify([current, document]);
    if (as === this.readAs) {
      return;
    }
    this.readAs = as;
    const [proposals, difference] = await Promise.all([
      this.propose(current, document),
      this.differ(current, document)
    ]);
    if (as === this.readAs) {
      this.proposals = proposals;
      this.difference = difference;
      this.readAs = proposals.kind === 'failed' ? '' : as; // what failed is asked again
      this.emit();
    }
  }

  private async propose(notebook: Notebook, document: Document): Promise<Loaded<Proposals>> {
    try {
      return { kind: 'known', value: await this.server.proposals(notebook.name, document) };
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error) };
    }
  }

  /** Null where there is nothing to differ from; the registry's own section says why. */
  private async differ(
    { model, profile }: Notebook,
    { cells }: Document
  ): Promise<Difference | null> {
    if (model === null) {
      return null;
    }
    const code = cells.filter(cell => cell.cell_type === 'code');
    const sources = code.map(({ id, source }) => ({ id, source }));
    return this.server.difference({ model, profile }, sources).catch(() => null);
  }

  private async readJobs(): Promise<void> {
    const before = this.jobs.find(job => job.state === 'running');
    this.jobs = await this.server.jobs();
    if (before !== undefined && !this.jobs.some(job => job.id === before.id)) {
      this.lost = before.id;
    } else if (this.running) {
      this.lost = null;
    }
    this.emit();
  }

  private get running(): boolean {
    return this.jobs.some(job => job.state === 'running');
  }

  private emit(): void {
    this.signal.emit();
  }

  private proposals: Loaded<Proposals> = { kind: 'loading' };
  private difference: Difference | null = null;
  private jobs: Job[] = [];
  private lost: string | null = null;
  private shown = false;
  private greeted: Health | null = null;
  private readAs = '';
  private readonly reader: Debouncer<void, Error, []>;
  private readonly poll: Poll;
  private readonly signal = new Signal<this, void>(this);
}
