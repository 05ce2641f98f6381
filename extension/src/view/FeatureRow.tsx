import { useId, useState } from 'react';

import { limit, type Row } from './ranking';
import { score } from './format';
import { severityWord, SeverityLabel } from './SeverityLabel';
import { Sparkline } from './Sparkline';
import { useWords } from './words';

/** One feature in one window; opened, it tells the reason and every window's value. */
export function FeatureRow({ row }: { row: Row }) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const id = useId();
  const { feature } = row;
  const line = limit(feature);
  return (
    <li className="jp-nbship-feature">
      <button type="button" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <span className="jp-nbship-sr">{severityWord(row.severity, words)}: </span>
        <span className="jp-nbship-feature-name" title={feature.feature}>
          {feature.feature}
        </span>
        <Sparkline feature={feature} />
        <span className="jp-nbship-score">
          {score(row.value)}
          {line !== null && <small>{words.__('limit %1', line)}</small>}
        </span>
      </button>
      <div id={id} className="jp-nbship-feature-more" hidden={!open}>
        {row.reason !== null && <p>{row.reason}</p>}
        <table>
          <thead>
            <tr>
              <th scope="col">{words.__('Window')}</th>
              <th scope="col">{feature.test?.toUpperCase() ?? words.__('Value')}</th>
              <th scope="col">{words.__('Verdict')}</th>
            </tr>
          </thead>
          <tbody>
            {feature.history.map(point => (
              <tr key={point.window}>
                <th scope="row">{point.window}</th>
                <td>{score(point.value)}</td>
                <td>
                  <SeverityLabel severity={point.severity} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </li>
  );
}
