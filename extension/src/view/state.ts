/**
 * The state document of one model, as the worker and the widget give it.
 *
 * tests/contract/*.json are examples of it, checked by pytest and by jest.
 */

/** The version of the document that this view can read. */
export const SCHEMA = 1;

export type Severity = 'none' | 'info' | 'warning' | 'critical' | 'too_few';

export interface State {
  schema: number;
  model: string;
  profile: string;
  revision: string;
  store: Store;
  versions: ModelVersion[];
  drift: VersionDrift[];
}

export interface Store {
  reachable: boolean;
  message: string | null;
  help?: string | null;
  /** When the store was last read, ISO 8601. */
  as_of: string;
}

export interface ModelVersion {
  version: number;
  status: string;
  stage: string | null;
  aliases: string[];
  created: string;
  created_by: string | null;
  run_id: string | null;
  /** Null stands for what JSON has no word for: infinities and NaN. */
  metrics: Record<string, number | null>;
  datasets: { name: string; digest: string | null }[];
  notebook: { id: string | null; name: string | null } | null;
  package_commit: string | null;
}

export interface VersionDrift {
  version: number;
  severity: Severity;
  windows: DriftWindow[];
  features: FeatureDrift[];
}

export interface DriftWindow {
  window: string;
  at: string;
  rows: number;
  reference_rows: number;
  severity: Severity;
}

export interface FeatureDrift {
  feature: string;
  kind: string;
  severity: Severity;
  reason: string;
  test: string | null;
  value: number | null;
  /** Where info, warning and critical begin. */
  thresholds: number[] | null;
  history: { window: string; value: number | null; severity: Severity }[];
}
