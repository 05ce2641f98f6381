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

export function rowsOf(drift: VersionDrift, window: string | undefined): Row[] {
  return drift.features.map(feature => {
    const then = feature.history.find(point => point.window === window);
    if (window === undefined || window === latest(drift) || then === undefined) {
      return { feature, value: feature.value, severity: feature.severity, reason: feature.reason };
    }
    return { feature, value: then.value, severity: then.severity, reason: null };
  });
}

/** The features of one window, in groups of like severity, worst first. */
export function ranked(drift: VersionDrift, window: string | undefined): Group[] {
  const rows = rowsOf(drift, window);
  return RANK.map(severity => ({
    severity,
    rows: rows.filter(row => row.severity === severity).sort((a, b) => excess(b) - excess(a))
  })).filter(group => group.rows.length > 0);
}
