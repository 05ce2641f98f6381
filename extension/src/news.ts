import type { Alert } from './view/state';

/** So many are remembered: alerts that old are over. */
const KEPT = 500;

/** An alert as it opened this time: opening again is news again. */
const occurrence = ({ stream, key, occurrence: number, since }: Alert): string =>
  [stream, key, number, since].join(' ');

/** Which alerts nobody has been told of yet. */
export class AlertNews {
  constructor(told: readonly string[]) {
    this.known = new Set(told);
  }

  /** What was told, oldest first. */
  get told(): string[] {
    return [...this.known].slice(-KEPT);
  }

  /** The open alerts that were not told before; from now on they were. */
  of(alerts: readonly Alert[]): Alert[] {
    const fresh = alerts.filter(
      alert =>
        alert.state === 'open' &&
        (alert.tier === 'critical' || alert.tier === 'warning') &&
        !this.known.has(occurrence(alert))
    );
    fresh.forEach(alert => this.known.add(occurrence(alert)));
    return fresh;
  }

  private readonly known: Set<string>;
}
