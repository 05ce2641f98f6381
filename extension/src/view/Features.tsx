import { useId, useState } from 'react';

import { FeatureRow } from './FeatureRow';
import { count } from './format';
import { SeverityIcon } from './Icon';
import { Problem } from './Problem';
import { type Group, ranked, totalOf } from './ranking';
import { type Actions, type Failure, failureOf } from './situation';
import { severityWord } from './SeverityLabel';
import type { VersionDrift } from './state';
import { useWords } from './words';

interface Props {
  drift: VersionDrift;
  window: string;
  actions: Actions;
}

/** A model may have thousands of features; the worst come first, the others page by page. */
const SHOWN = 20;
const PAGE = 50;

/** The features of one window, worst first; with many of them, a field to find one. */
export function Features({ drift: known, window, actions }: Props) {
  const words = useWords();
  const id = useId();
  const [all, setAll] = useState<VersionDrift | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [wanted, want] = useState('');
  const drift = all ?? known;
  const total = totalOf(drift);
  const missing = total - drift.features.length;
  const { drift: load } = actions;
  const groups = ranked(drift, window, wanted);
  const fetchAll = (): void => {
    load?.(known.version).then(setAll, (error: unknown) => setFailure(failureOf(error)));
  };
  return (
    <>
      {total > SHOWN && (
        <p className="jp-nbship-find">
          <label htmlFor={id} className="jp-nbship-sr">
            {words.__('Find a feature')}
          </label>
          <input
            id={id}
            type="search"
            placeholder={words.__('Find a feature')}
            value={wanted}
            onChange={event => want(event.target.value)}
            onFocus={missing > 0 && all === null ? fetchAll : undefined}
          />
        </p>
      )}
      {groups.map(group => (
        <FeatureGroup
          key={group.severity}
          group={group}
          version={drift.version}
          window={window}
          unfolded={wanted !== ''}
          actions={actions}
        />
      ))}
      {wanted !== '' && groups.length === 0 && (
        <p className="jp-nbship-empty">{words.__('No feature is called so.')}</p>
      )}
      {missing > 0 && load !== undefined && (
        <button type="button" className="jp-nbship-more" onClick={fetchAll}>
          {words.__('Load the other %1 features', count(missing))}
        </button>
      )}
      {failure !== null && <Problem failure={failure} />}
    </>
  );
}

interface GroupProps {
  group: Group;
  version: number;
  window: string;
  unfolded: boolean;
  actions: Actions;
}

function FeatureGroup({ group, version, window, unfolded, actions }: GroupProps) {
  const words = useWords();
  const calm = group.severity === 'none' && !unfolded;
  const first = calm ? 0 : SHOWN;
  const [limit, setLimit] = useState(0);
  const shown = group.rows.slice(0, Math.max(first, limit));
  const hidden = group.rows.length - shown.length;
  const word = severityWord(group.severity, words);
  return (
    <div className="jp-nbship-group">
      <h3>
        <SeverityIcon severity={group.severity} />
        {word} <span className="jp-nbship-count">{count(group.rows.length)}</span>
        {hidden > 0 && (
          <button type="button" onClick={() => setLimit(shown.length + PAGE)}>
            {hidden <= PAGE ? words.__('Show all') : words.__('Show %1 more', count(PAGE))}
            <span className="jp-nbship-sr">: {word}</span>
          </button>
        )}
        {hidden === 0 && shown.length > first && (
          <button type="button" onClick={() => setLimit(0)}>
            {words.__('Show fewer')}
            <span className="jp-nbship-sr">: {word}</span>
          </button>
        )}
      </h3>
      {shown.length > 0 && (
        <ul>
          {shown.map(row => (
            <FeatureRow
              key={row.feature.feature}
              row={row}
              version={version}
              window={window}
              load={actions.feature}
            />
          ))}
        </ul>
      )}
    </div>
  );
}
