import { limit } from './ranking';
import type { FeatureDrift } from './state';

const WIDTH = 72;
const HEIGHT = 24;
const INSET = 3;

/**
 * A feature's value over the windows, with the line where critical begins.
 *
 * Heights are square roots: drift that is fifty times its limit must not flatten the line it crossed.
 * It is for the eye; the opened row has the same values as a table.
 */
export function Sparkline({ feature }: { feature: FeatureDrift }) {
  const line = limit(feature);
  const { history } = feature;
  const top = Math.sqrt(
    Math.max(...history.map(point => point.value ?? 0), (line ?? 0) * 1.2, 1e-9)
  );
  const step = (WIDTH - 2 * INSET) / Math.max(history.length - 1, 1);
  const x = (index: number): number => (history.length === 1 ? WIDTH / 2 : INSET + index * step);
  const y = (value: number): number =>
    HEIGHT - INSET - (Math.sqrt(Math.max(value, 0)) / top) * (HEIGHT - 2 * INSET);
  const points = history.flatMap(({ window, value, severity }, index) =>
    value === null ? [] : [{ window, severity, x: x(index), y: y(value) }]
  );
  return (
    <svg
      className="jp-nbship-sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      aria-hidden="true"
    >
      {line !== null && (
        <line className="jp-nbship-limit" x1="0" x2={WIDTH} y1={y(line)} y2={y(line)} />
      )}
      <polyline points={points.map(point => `${point.x},${point.y}`).join(' ')} />
      {points.map(point => (
        <circle
          key={point.window}
          className={`jp-nbship-mod-${point.severity}`}
          cx={point.x}
          cy={point.y}
          r="2.6"
        />
      ))}
    </svg>
  );
}
