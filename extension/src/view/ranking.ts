import type { FeatureDrift, Severity, VersionDrift } from './state';

/** Worst first; too few rows is no verdict, so it stands after the verdicts that ask for attention. */
export const RANK: readonly Severity[] = ['critical', 'warning', 'info', 'too_few', 'none'];

/** A feature as it was in one window. */
export interface Row {
  feature: FeatureDrift;
  value: number | null;
  severity: Severity;
  /** Only the latest window carries its reason in words. */
  reason: string | null;
}

export interface Group {
  severity: Severity;
  rows: Row[];
}

/** Where a feature begins to be critical: the line in its sparkline. */
export const limit = (feature: FeatureDrift): number | null => feature.thresholds?.at(-1) ?? null;

/** How far beyond its own limit a row is, so that different tests can stand in one order. */
const excess = (row: Row): number => (row.value ?? 0) / (limit(row.feature) || 1);

const latest = (drift: VersionDrift): string | undefined => drift.windows.at(-1)?.window;

/** How many features there are, of which the document may hold only the worst. */
export const totalOf = (drift: VersionDrift): number =>
  Math.max(
    drift.features.length,
    RANK.reduce((sum, severity) => sum + drift.counts[severity], 0)
  );

export function rowsOf(drift: VersionDrift, window: string | undefined): Row[] {
  const now = window === undefined || window === latest(drift);
  return drift.features.flatMap((feature): Row[] => {
    if (now) {
      const { value, severity, reason } = feature;
      return [{ feature, value, severity, reason }];
    }
    const then = feature.history.find(point => point.window === window);
    return then === undefined
      ? []
      : [{ feature, value: then.value, severity: then.severity, reason: null }];
  });
}

/** The features of one window whose name holds `wanted`, in groups of like severity, worst first. */
export function ranked(drift: VersionDrift, window: string | undefined, wanted = ''): Group[] {
  const sought = wanted.trim().toLowerCase();
  const rows = rowsOf(drift, window).filter(
    row => sought === '' || row.feature.feature.toLowerCase().includes(sought)
  );
  return RANK.map(severity => ({
    severity,
    rows: rows.filter(row => row.severity === severity).sort((a, b) => excess(b) - excess(a))
  })).filter(group => group.rows.length > 0);
}

/** How many features drift in a window, and of how many. */
export function beyond(drift: VersionDrift, window: string): [number, number] {
  if (window === latest(drift)) {
    return [drift.counts.critical + drift.counts.warning, totalOf(drift)];
  }
  const drifting = rowsOf(drift, window).filter(
    row => row.severity === 'critical' || row.severity === 'warning'
  );
  return [drifting.length, totalOf(drift)];
}
