import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { Server } from './server';
import { pythonVersion, VERSION } from './version';
import type { Failure, Notebook, Situation } from './view/situation';
import { type Health, SCHEMA, type State } from './view/state';

/** How soon to ask again while the worker starts. */
const SOON_MS = 500;

/** Between two looks while the panel is hidden: enough for the status bar and for new alerts. */
const HIDDEN_MS = 300_000;

/** Between two looks where the server sends no events. */
const NO_EVENTS_MS = 10_000;

/** The server answered that it cannot answer; the panel has been told why. */
class Refusal extends Error {}

interface Followed {
  readonly current: Notebook | null;
  readonly changed: ISignal<unknown, void>;
}

/** What the panel shows, kept fresh while somebody can see it. */
export class SidebarModel {
  constructor(
    private readonly notebook: Followed,
    private readonly server: Pick<Server, 'health' | 'state'>
  ) {
    this.poll = new Poll({
      name: 'nbship:sidebar',
      auto: false,
      factory: () => this.look(),
      frequency: { interval: 60_000, backoff: true, max: 600_000 },
      standby: () => (this.shown || (this.everShown && this.watchHidden) ? 'when-hidden' : true)
    });
    notebook.changed.connect(this.follow, this);
    this.follow();
  }

  get changed(): ISignal<this, void> {
    return this.signal;
  }

  get situation(): Situation {
    return this.now;
  }

  /** The server half that answered last; null before the first answer and while it is away. */
  get health(): Health | null {
    return this.known;
  }

  /** How often the registry is looked at while the panel is visible, and whether at all while it is hidden. */
  configure({ seconds, watchHidden }: { seconds: number; watchHidden: boolean }): void {
    this.seconds = seconds;
    this.watchHidden = watchHidden;
    this.pace();
  }

  /** The server says that a model's state is another now. */
  hear(model: string, profile: string): void {
    const { current } = this.notebook;
    if (this.everShown && current?.model === model && current.profile === profile) {
      this.refresh();
    }
  }

  /** Nothing is asked, and so no worker started, before the panel is first seen. */
  set visible(visible: boolean) {
    this.shown = visible;
    this.everShown ||= visible;
    this.pace();
    if (visible) {
      this.refresh();
    }
  }

  refresh(): void {
    void this.poll.refresh();
  }

  dispose(): void {
    this.turn += 1;
    this.poll.dispose();
    Signal.clearData(this);
  }

  private pace(): void {
    const eager = this.known?.events === '' ? NO_EVENTS_MS : this.seconds * 1000;
    const interval = this.shown ? eager : Math.max(eager, HIDDEN_MS);
    this.poll.frequency = { ...this.poll.frequency, interval };
  }

  private follow(): void {
    this.turn += 1;
    this.etag = null;
    const { current } = this.notebook;
    if (current === null) {
      this.show({ kind: 'no-notebook' });
    } else if (current.model === null) {
      this.show({ kind: 'no-model', notebook: current });
      if (this.shown) {
        this.refresh();
      }
    } else {
      const state = this.seen.get(`${current.profile} ${current.model}`);
      this.show(
        state === undefined
          ? { kind: 'starting', notebook: current, worker: 'ready' }
          : { kind: 'ready', notebook: current, state }
      );
      if (this.shown) {
        this.refresh();
      }
    }
  }

  /** One look at the server; rejected when it failed, so that the poll backs off. */
  private async look(): Promise<void> {
    const notebook = this.notebook.current;
    if (notebook === null) {
      return;
    }
    this.turn += 1;
    const turn = this.turn;
    try {
      const problem = await this.greet();
      if (turn === this.turn && problem !== null) {
        this.show(problem);
        return;
      }
      const { model } = notebook;
      if (model === null && this.now.kind !== 'no-model') {
        this.show({ kind: 'no-model', notebook });
      }
      while (model !== null && turn === this.turn && (await this.ask(notebook, model, turn))) {
        await new Promise(resolve => setTimeout(resolve, SOON_MS));
      }
    } catch (error) {
      if (turn !== this.turn) {
        return;
      }
      if (!(error instanceof Refusal)) {
        this.known = null;
        this.fail(notebook, {
          what: error instanceof Error ? error.message : String(error),
          help: 'Is the Jupyter server still running? The panel keeps trying.'
        });
      }
      throw error;
    }
  }

  /** Whether both halves are there and fit each other; asked until they do. */
  private async greet(): Promise<Situation | null> {
    if (this.known === null) {
      const health = await this.server.health();
      if (health === null) {
        return { kind: 'server-missing' };
      }
      if (health.version !== pythonVersion(VERSION) || health.schema !== SCHEMA) {
        return { kind: 'other-version', here: VERSION, there: health.version };
      }
      this.known = health;
      this.pace();
      this.signal.emit();
    }
    return null;
  }

  /** Ask for the state once; true where the answer is still to come. */
  private async ask(notebook: Notebook, model: string, turn: number): Promise<boolean> {
    const answer = await this.server.state(model, notebook.profile, this.etag);
    if (turn !== this.turn) {
      return false;
    }
    switch (answer.kind) {
      case 'pending':
        if (this.now.kind !== 'ready') {
          this.show({ kind: 'starting', notebook, worker: answer.worker });
        }
        return true;
      case 'state':
        this.etag = answer.etag;
        this.seen.set(`${notebook.profile} ${model}`, answer.state);
        this.show({ kind: 'ready', notebook, state: answer.state });
        return false;
      case 'unchanged':
        if (this.now.kind === 'ready') {
          this.show({ ...this.now, state: seenNow(this.now.state) });
        }
        return false;
      case 'failed':
        this.fail(notebook, answer.failure);
        throw new Refusal(answer.failure.what);
    }
  }

  /** What was known stays in sight, with its age; only where nothing was is there just the failure. */
  private fail(notebook: Notebook, failure: Failure): void {
    if (this.now.kind === 'ready') {
      const { what: message, help = null } = failure;
      this.etag = null;
      const store = { ...this.now.state.store, reachable: false, message, help };
      this.show({ ...this.now, state: { ...this.now.state, store } });
    } else {
      this.show({ kind: 'failed', notebook, failure });
    }
  }

  private show(situation: Situation): void {
    this.now = situation;
    this.signal.emit();
  }

  private now: Situation = { kind: 'no-notebook' };
  /** Each model's last state, so that going back to a notebook shows it at once. */
  private readonly seen = new Map<string, State>();
  private shown = false;
  private turn = 0;
  private etag: string | null = null;
  private known: Health | null = null;
  private everShown = false;
  private watchHidden = true;
  private seconds = 60;
  private readonly poll: Poll;
  private readonly signal = new Signal<this, void>(this);
}

/** Unchanged means read a moment ago, unless it was the store's absence that did not change. */
const seenNow = (state: State): State =>
  state.store.reachable
    ? { ...state, store: { ...state.store, as_of: new Date().toISOString() } }
    : state;
