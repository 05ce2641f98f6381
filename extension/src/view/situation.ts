import type {
  Alert,
  Conflict,
  Difference,
  Done,
  FeatureDetail,
  Job,
  Permissions,
  Preview,
  Proposals,
  ProposedStep,
  State,
  VersionDrift
} from './state';

/** What happened, where, and what to do about it: the shape of every nbship error. */
export interface Failure {
  what: string;
  where?: string | null;
  help?: string | null;
}

/** A failure on its way to whoever asked. */
export class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(failure.what);
  }
}

export const failureOf = (error: unknown): Failure =>
  error instanceof Refused
    ? error.failure
    : { what: error instanceof Error ? error.message : String(error) };

/** The notebook in front, as far as the panel cares. */
export interface Notebook {
  name: string;
  path: string;
  model: string | null;
  profile: string;
}

/** Everything the panel can be in; each has its own design and its own next step. */
export type Situation =
  | { kind: 'no-notebook' }
  | { kind: 'no-model'; notebook: Notebook }
  | { kind: 'starting'; notebook: Notebook; worker: string }
  | { kind: 'server-missing' }
  | { kind: 'other-version'; here: string; there: string }
  | { kind: 'failed'; notebook: Notebook; failure: Failure }
  | { kind: 'ready'; notebook: Notebook | null; state: State };

export type Kernel = 'none' | 'starting' | 'idle' | 'busy' | 'dead';

export type Loaded<Value> =
  { kind: 'loading' } | { kind: 'known'; value: Value } | { kind: 'failed'; failure: Failure };

/** What the panel knows of the notebook itself: its cells, its kernel, and what runs for it. */
export interface Workbench {
  proposals: Loaded<Proposals>;
  difference: Difference | null;
  jobs: readonly Job[];
  /** A job that ran when the server was last asked, and that the server of today does not know. */
  lost: string | null;
  may: Permissions;
  trusted: boolean;
  kernel: Kernel;
}

export type ActionName = 'register' | 'promote' | 'rollback' | 'retrain' | 'challenge' | 'archive';

export interface ActionRequest {
  action: ActionName;
  version?: number;
  candidate?: string;
}

export type Outcome = { kind: 'done'; done: Done } | { kind: 'conflict'; conflict: Conflict };

export interface FeatureQuery {
  version: number;
  feature: string;
  window: string;
}

export interface ExportRequest {
  to: string;
  /** Steps that write to databases or to the network may run. */
  yes: boolean;
  /** Run the notebook although nothing changed since it was last run clean. */
  fresh: boolean;
}

/** What a user can do from the panel; where there is no transport for it, it is not offered. */
export interface Actions {
  refresh?: () => void;
  setModel?: (model: string) => void;
  models?: () => Promise<string[]>;
  drift?: (version: number) => Promise<VersionDrift>;
  feature?: (query: FeatureQuery) => Promise<FeatureDetail>;
  preview?: (request: ActionRequest) => Promise<Preview>;
  act?: (request: ActionRequest, expected: number, why: string) => Promise<Outcome>;
  /** Acknowledge or resolve; the answer is the alert as it stands now, whoever was first. */
  settle?: (alert: Alert, to: 'acknowledge' | 'resolve', note: string) => Promise<Alert>;
  accept?: (steps: readonly ProposedStep[]) => void;
  /** Show a cell, by its id or by its index. */
  jump?: (cell: string | number) => void;
  startExport?: (request: ExportRequest) => Promise<void>;
  retrain?: () => Promise<void>;
  cancel?: (job: string) => Promise<void>;
  log?: (job: string) => Promise<string>;
  trust?: () => void;
  restartKernel?: () => void;
}
