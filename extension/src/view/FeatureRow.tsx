import { useState } from 'react';

import { Disclosure } from './Disclosure';
import { Distribution } from './Distribution';
import { bound, score } from './format';
import { Mark } from './Icon';
import { limit, type Row } from './ranking';
import type { Actions } from './situation';
import { severityWord, SeverityLabel } from './SeverityLabel';
import { Sparkline } from './Sparkline';
import type { FeatureDrift } from './state';
import { useWords, type Words } from './words';

interface Props {
  row: Row;
  version: number;
  window: string;
  load: Actions['feature'];
}

/** One feature in one window; opened, it shows reference against current and every window's value. */
export function FeatureRow({ row, version, window, load }: Props) {
  const [open, setOpen] = useState(false);
  const { feature } = row;
  return (
    <li className="jp-nbship-feature">
      <Disclosure
        open={open}
        setOpen={setOpen}
        className="jp-nbship-feature-head"
        head={<Head row={row} />}
      >
        <div className="jp-nbship-feature-more">
          {row.reason !== null && <p>{row.reason}</p>}
          <FirstBreach feature={feature} />
          {load !== undefined && (
            <Distribution
              load={() => load({ version, feature: feature.feature, window })}
              about={`${version} ${feature.feature} ${window}`}
            />
          )}
          {feature.history.length > 0 && <Values feature={feature} />}
        </div>
      </Disclosure>
    </li>
  );
}

function Head({ row }: { row: Row }) {
  const words = useWords();
  const { feature } = row;
  const line = limit(feature);
  return (
    <>
      <span className="jp-nbship-sr">{severityWord(row.severity, words)}: </span>
      <span className="jp-nbship-feature-name" title={feature.feature}>
        <bdi>{feature.feature}</bdi>
      </span>
      <Sparkline feature={feature} />
      <span className="jp-nbship-score">
        <span>
          {feature.trend !== null && (
            <>
              <Mark shape={feature.trend} />
              <span className="jp-nbship-sr">{trendWord(feature.trend, words)} </span>
            </>
          )}
          {score(row.value)}
        </span>
        {line !== null && <small>{words.__('limit %1', bound(line))}</small>}
      </span>
    </>
  );
}

function trendWord(trend: NonNullable<FeatureDrift['trend']>, words: Words): string {
  switch (trend) {
    case 'rising':
      return words.__('rising');
    case 'falling':
      return words.__('falling');
    case 'steady':
      return words.__('steady');
  }
}

function FirstBreach({ feature }: { feature: FeatureDrift }) {
  const words = useWords();
  return feature.first_breach === null ? null : (
    <p>
      <small>{words.__('First beyond a limit: %1', feature.first_breach)}</small>
    </p>
  );
}

function Values({ feature }: { feature: FeatureDrift }) {
  const words = useWords();
  return (
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
            <th scope="row">
              <bdi>{point.window}</bdi>
            </th>
            <td>{score(point.value)}</td>
            <td>
              <SeverityLabel severity={point.severity} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
