import { useState } from 'react';

import { type Group, ranked } from './ranking';
import { FeatureRow } from './FeatureRow';
import { ago, count, moment } from './format';
import { SeverityIcon } from './Icon';
import { Section } from './Section';
import { severityWord, SeverityLabel } from './SeverityLabel';
import type { DriftWindow, State, VersionDrift } from './state';
import { useWords } from './words';

/** A model may have thousands of features; the worst ones come first, the others on demand. */
const SHOWN = 20;

/** How far live data is from what each deployed version was trained on. */
export function Drift({ state, now }: { state: State; now: Date }) {
  const words = useWords();
  const newest = state.drift.reduce((most, drift) => Math.max(most, drift.version), 0);
  const champion = state.versions.find(version => version.aliases.includes('champion'));
  const [chosen, choose] = useState<number | null>(null);
  const wanted = [chosen, champion?.version, newest];
  const drift = wanted
    .map(number => state.drift.find(each => each.version === number))
    .find(each => each !== undefined);
  if (drift === undefined || drift.windows.length === 0) {
    return (
      <Section title={words.__('Drift')}>
        <NoDrift model={state.model} />
      </Section>
    );
  }
  return (
    <Section
      title={words.__('Drift')}
      aside={
        state.drift.length > 1 ? (
          <select
            aria-label={words.__('Version')}
            value={drift.version}
            onChange={event => choose(Number(event.target.value))}
          >
            {state.drift.map(each => (
              <option key={each.version} value={each.version}>
                v{each.version}
              </option>
            ))}
          </select>
        ) : (
          `v${drift.version}`
        )
      }
    >
      <VersionsDrift key={drift.version} drift={drift} now={now} />
    </Section>
  );
}

function NoDrift({ model }: { model: string }) {
  const words = useWords();
  return (
    <div className="jp-nbship-empty">
      <p>{words.__('No live data has been compared yet. Compare a file of it:')}</p>
      <code>nbship drift {model} --current FILE --window NAME</code>
    </div>
  );
}

function VersionsDrift({ drift, now }: { drift: VersionDrift; now: Date }) {
  const [chosen, choose] = useState<string | null>(null);
  const window = drift.windows.find(each => each.window === chosen) ?? drift.windows.at(-1);
  if (window === undefined) {
    return null;
  }
  return (
    <>
      <Windows windows={drift.windows} chosen={window} choose={choose} />
      <Summary drift={drift} window={window} now={now} />
      {ranked(drift, window.window).map(group => (
        <Features key={group.severity} group={group} />
      ))}
    </>
  );
}

interface WindowsProps {
  windows: DriftWindow[];
  chosen: DriftWindow;
  choose: (window: string) => void;
}

function Windows({ windows, chosen, choose }: WindowsProps) {
  const words = useWords();
  return (
    <div className="jp-nbship-windows" role="group" aria-label={words.__('Window')}>
      {windows.map(each => (
        <button
          key={each.window}
          type="button"
          aria-pressed={each === chosen}
          onClick={() => choose(each.window)}
        >
          <SeverityIcon severity={each.severity} />
          <span className="jp-nbship-sr">{severityWord(each.severity, words)}: </span>
          <span>{each.window}</span>
        </button>
      ))}
    </div>
  );
}

function Summary({ drift, window, now }: { drift: VersionDrift; window: DriftWindow; now: Date }) {
  const words = useWords();
  const beyond = ranked(drift, window.window)
    .filter(group => group.severity === 'critical' || group.severity === 'warning')
    .reduce((sum, group) => sum + group.rows.length, 0);
  return (
    <p className="jp-nbship-summary">
      <SeverityLabel severity={window.severity} />
      <span>
        {'· '}
        {words.__('%1 of %2 features drift', count(beyond), count(drift.features.length))}
      </span>
      <small>
        {words.__('%1 rows against %2', count(window.rows), count(window.reference_rows))}
        {' · '}
        <time dateTime={window.at} title={moment(window.at)}>
          {ago(window.at, now)}
        </time>
      </small>
    </p>
  );
}

function Features({ group }: { group: Group }) {
  const words = useWords();
  const calm = group.severity === 'none';
  const [open, setOpen] = useState(false);
  const shown = open ? group.rows : group.rows.slice(0, calm ? 0 : SHOWN);
  const hidden = group.rows.length - shown.length;
  const word = severityWord(group.severity, words);
  return (
    <div className="jp-nbship-group">
      <h3>
        <SeverityIcon severity={group.severity} />
        {word} <span className="jp-nbship-count">{count(group.rows.length)}</span>
        {(hidden > 0 || open) && (
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? words.__('Show fewer') : words.__('Show all')}
            <span className="jp-nbship-sr">: {word}</span>
          </button>
        )}
      </h3>
      {shown.length > 0 && (
        <ul>
          {shown.map(row => (
            <FeatureRow key={row.feature.feature} row={row} />
          ))}
        </ul>
      )}
    </div>
  );
}
