import type { Severity, State } from './state';

/** How a model stands, in numbers: what the header, the status bar and a screen reader say first. */
export interface Glance {
  champion: number | null;
  challenger: number | null;
  mode: 'off' | 'shadow' | 'canary';
  share: number;
  drifting: number;
  /** The champion's drift; null where it was never watched. */
  severity: Severity | null;
  alerts: number;
}

export function glance(state: State): Glance {
  const champion = state.assignment?.champion ?? holder(state, 'champion');
  const challenger = state.assignment?.challenger ?? holder(state, 'challenger');
  const drift = state.drift.find(each => each.version === champion) ?? state.drift[0];
  return {
    champion,
    challenger,
    mode: state.assignment?.mode ?? 'off',
    share: state.assignment?.share ?? 0,
    drifting: drift === undefined ? 0 : drift.counts.critical + drift.counts.warning,
    severity: drift?.severity ?? null,
    alerts: state.alerts.filter(alert => alert.state === 'open').length
  };
}

const holder = (state: State, alias: string): number | null =>
  state.versions.find(version => version.aliases.includes(alias))?.version ?? null;
