/**
 * The documents that the server half and the widget give. Generated from runtime/nbship/state/documents.py by
 * scripts/panel_types.py: change them there. tests/contract/*.json are examples, checked by pytest and by jest.
 *
 * Times are ISO 8601 in UTC, shares 0 to 1; null stands for what nobody knows, and for infinities and NaN.
 */

/** The version of the documents that this view can read. */
export const SCHEMA = 2;

export type Severity = 'none' | 'info' | 'warning' | 'critical' | 'too_few';

export type Stage = 'experimental' | 'staging' | 'production' | 'archived';

export type Mode = 'off' | 'shadow' | 'canary';

export type Tier = 'info' | 'warning' | 'critical';

export type AlertState = 'open' | 'acknowledged' | 'resolved';

export type Action = 'promote' | 'rollback' | 'register' | 'retrain' | 'challenge' | 'archive';

export type JobKind = 'export' | 'retrain';

export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

export type StepState = 'waiting' | 'running' | 'done' | 'failed' | 'skipped';

/** What happened, where, and what to do about it. */
export interface Problem {
  what: string;
  where: string | null;
  help: string | null;
}

/** Whether the registry answered, what it said if not, and when the document was true. */
export interface Store {
  reachable: boolean;
  message: string | null;
  as_of: string;
  help: string | null;
}

/** A dataset and its content hash. */
export interface NamedDigest {
  name: string;
  digest: string | null;
}

/** The notebook that made a version. */
export interface NotebookName {
  id: string | null;
  name: string | null;
}

/**
 * The metric a version is known by; ``change`` is against version ``against``.
 *
 * ``better`` says which way is up, as far as the metric's name tells.
 */
export interface KeyMetric {
  name: string;
  value: number;
  better: 'higher' | 'lower' | null;
  change: number | null;
  against: number | null;
}

/** A version with its lineage: datasets, cells of a notebook, run, package. ``drift`` is the latest window's. */
export interface ModelVersion {
  version: number;
  status: string;
  stage: Stage;
  aliases: string[];
  created: string;
  created_by: string | null;
  run_id: string | null;
  metrics: Record<string, number | null>;
  datasets: NamedDigest[];
  notebook: NotebookName;
  package_commit: string | null;
  cells: number;
  key_metric: KeyMetric | null;
  drift: Severity | null;
}

/** One look at live data: its name, when it was looked at, how it compares. */
export interface DriftWindow {
  window: string;
  at: string;
  rows: number;
  reference_rows: number;
  severity: Severity;
}

/** A feature's measure in one window. */
export interface DriftPoint {
  window: string;
  value: number | null;
  severity: Severity;
}

/** A feature in the latest window, by the test that decided, and that measure in the windows before. */
export interface FeatureDrift {
  feature: string;
  kind: string;
  severity: Severity;
  reason: string;
  test: string | null;
  value: number | null;
  thresholds: number[] | null;
  history: DriftPoint[];
  trend: 'rising' | 'falling' | 'steady' | null;
  first_breach: string | null;
}

/** How many features there are of each severity. */
export interface DriftCounts {
  none: number;
  info: number;
  warning: number;
  critical: number;
  too_few: number;
}

/** What live data has done to a version; ``severity`` is the latest window's. */
export interface VersionDrift {
  version: number;
  severity: Severity;
  windows: DriftWindow[];
  counts: DriftCounts;
  features: FeatureDrift[];
}

/** How far a rollout is, and how the challenger looks so far. */
export interface RolloutState {
  step: string;
  since: string | null;
  verdict: string | null;
  reason: string | null;
}

/** Which versions answer, and for whom; ``revision`` is what an action is held against. */
export interface Assignment {
  revision: number;
  champion: number | null;
  challenger: number | null;
  mode: Mode;
  share: number;
  rollout: RolloutState | null;
}

/** An alert with its procedure, as far as one is written. */
export interface Alert {
  stream: string;
  key: string;
  version: number;
  rule: string;
  subject: string;
  tier: Tier;
  state: AlertState;
  since: string;
  window: string;
  reason: string;
  occurrence: number;
  by: string | null;
  note: string | null;
  owner: string | null;
  action: string | null;
  escalation: string | null;
  runbook: string | null;
}

/** One change of a model's assignment: who, when, why, and what stood after it. */
export interface HistoryEntry {
  number: number;
  at: string;
  who: string;
  action: string;
  why: string;
  champion: number | null;
  challenger: number | null;
  mode: Mode;
  share: number;
}

/** All of it. ``revision`` changes when, and only when, what is shown changes. */
export interface State {
  schema: number;
  model: string;
  profile: string;
  revision: string;
  store: Store;
  assignment: Assignment | null;
  versions: ModelVersion[];
  drift: VersionDrift[];
  alerts: Alert[];
  history: HistoryEntry[];
  problems: Problem[];
}

/** One measure of one feature, and where it begins to matter. */
export interface TestResult {
  name: string;
  value: number | null;
  thresholds: number[] | null;
  p_value: number | null;
  severity: Severity;
}

/** A bin or a category: the share of the reference's values in it, and of the window's. */
export interface Bin {
  label: string;
  low: number | null;
  high: number | null;
  reference: number;
  current: number | null;
}

/** The share of rows without a value. */
export interface MissingShare {
  reference: number;
  current: number | null;
}

/** A feature's reference against one window. ``note`` says what cannot be shown, and why. */
export interface FeatureDetail {
  feature: string;
  version: number;
  window: string;
  kind: string;
  bins: Bin[];
  reference_rows: number;
  current_rows: number;
  missing: MissingShare;
  newcomers: string[];
  tests: TestResult[];
  note: string | null;
}

/** How the code cells of the open notebook differ from those that made a version, by cell id. */
export interface Difference {
  version: number | null;
  changed: string[];
  added: string[];
  removed: string[];
  same: number;
  note: string | null;
}

/** Cells that become one function, and why; ``tagged`` once every one of them says so itself. */
export interface ProposedStep {
  name: string;
  module: string;
  tag: string;
  cells: string[];
  indexes: number[];
  tagged: boolean;
  reason: string;
  confidence: number;
  inputs: string[];
  outputs: string[];
}

/** What is to be known of a cell before it can be shipped. */
export interface CellProblem {
  code: string;
  severity: 'info' | 'warning' | 'error';
  cell: string | null;
  index: number | null;
  line: number | null;
  message: string;
  help: string;
}

/** The steps of a notebook, tagged and proposed. */
export interface Proposals {
  steps: ProposedStep[];
  problems: CellProblem[];
}

/** One thing that an action changes. */
export interface Change {
  what: string;
  before: string | null;
  after: string | null;
}

/** A measure as it is, and as it will be. */
export interface Evidence {
  name: string;
  was: string | null;
  will_be: string | null;
  verdict: 'better' | 'worse' | 'same' | 'unknown';
}

/** A fitted model of the notebook that can be registered. */
export interface Candidate {
  id: string;
  variable: string;
  type: string;
  run: string;
  at: string;
}

/** What an action would change, on which evidence. Nothing is done yet. */
export interface Preview {
  action: Action;
  allowed: boolean;
  reason: string | null;
  expected: number;
  says: string;
  changes: Change[];
  evidence: Evidence[];
  warnings: string[];
  candidates: Candidate[];
}

/** What an action did; ``pending`` where the rest of it follows by itself. */
export interface Done {
  says: string;
  assignment: Assignment | null;
  pending: boolean;
}

/** Somebody was quicker: what stands now, and the change that came between. */
export interface Conflict {
  error: Problem;
  stands: Assignment | null;
  changed: HistoryEntry | null;
}

/** A step of a job. */
export interface JobStep {
  name: string;
  state: StepState;
  detail: string | null;
}

/** Why a job failed; ``cell`` is the index over all cells where it was one. */
export interface JobError {
  what: string;
  where: string | null;
  help: string | null;
  cell: number | null;
}

/** What the converter has to tell of a cell. */
export interface ExportFinding {
  code: string;
  severity: 'info' | 'warning' | 'error';
  cell: number | null;
  line: number | null;
  message: string;
  help: string;
}

/** A function of the package, and the cells it was made of. */
export interface ExportedStep {
  name: string;
  module: string;
  function: string;
  inputs: string[];
  outputs: string[];
  cells: number[];
}

/** How the package's values compare with the notebook's, name by name. */
export interface Proof {
  status: 'equal' | 'different' | 'not_run';
  names: Record<string, string>;
}

/** What an export made; ``path`` is below the server's root. */
export interface ExportResult {
  package: string;
  path: string;
  steps: ExportedStep[];
  findings: ExportFinding[];
  verification: Proof;
  files: string[];
}

/**
 * Long work that goes on while nobody looks: of the notebook at ``path``, or of ``model``.
 *
 * ``says`` is what it came to, in words; ``log`` is how many characters it has said on the way.
 */
export interface Job {
  id: string;
  kind: JobKind;
  state: JobState;
  title: string;
  path: string | null;
  model: string | null;
  by: string;
  started: string;
  ended: string | null;
  steps: JobStep[];
  says: string | null;
  result: ExportResult | null;
  error: JobError | null;
  log: number;
}

/** What this user may do here. */
export interface Permissions {
  read: boolean;
  write: boolean;
  execute: boolean;
}

/** Which half answers, how its worker is, and what this user may do. */
export interface Health {
  version: string;
  schema: number;
  worker: 'idle' | 'starting' | 'ready' | 'stopped';
  permissions: Permissions;
  profiles: string[];
  events: string;
}
