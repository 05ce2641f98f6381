import { useState } from 'react';

import { Features } from './Features';
import { ago, count, moment } from './format';
import { SeverityIcon } from './Icon';
import { beyond } from './ranking';
import { Section } from './Section';
import type { Actions } from './situation';
import { severityWord, SeverityLabel } from './SeverityLabel';
import type { DriftWindow, State, VersionDrift } from './state';
import { useWords } from './words';

interface Props {
  state: State;
  actions: Actions;
  now: Date;
}

/** How far live data is from what each deployed version was trained on. */
export function Drift({ state, actions, now }: Props) {
  const words = useWords();
  const [chosen, choose] = useState<number | null>(null);
  const drift = wanted(state, chosen);
  if (drift === undefined || drift.windows.length === 0) {
    return (
      <Section name="drift" title={words.__('Drift')}>
        <div className="jp-nbship-empty">
          <p>{words.__('No live data has been compared yet. Compare a file of it:')}</p>
          <code>nbship drift {state.model} --current FILE --window NAME</code>
        </div>
      </Section>
    );
  }
  const versions =
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
    );
  return (
    <Section name="drift" title={words.__('Drift')} aside={versions}>
      <VersionsDrift key={drift.version} drift={drift} actions={actions} now={now} />
    </Section>
  );
}

/** The version that was chosen, else the champion, else the newest that is watched. */
function wanted(state: State, chosen: number | null): VersionDrift | undefined {
  const champion = state.versions.find(version => version.aliases.includes('champion'));
  const newest = state.drift.reduce((most, drift) => Math.max(most, drift.version), 0);
  return [chosen, champion?.version, newest]
    .map(number => state.drift.find(each => each.version === number))
    .find(each => each !== undefined);
}

function VersionsDrift({ drift, actions, now }: { drift: VersionDrift } & Omit<Props, 'state'>) {
  const [chosen, choose] = useState<string | null>(null);
  const window = drift.windows.find(each => each.window === chosen) ?? drift.windows.at(-1);
  if (window === undefined) {
    return null;
  }
  return (
    <>
      <Windows windows={drift.windows} chosen={window} choose={choose} />
      <Summary drift={drift} window={window} now={now} />
      <Features drift={drift} window={window.window} actions={actions} />
    </>
  );
}

interface WindowsProps {
  windows: DriftWindow[];
  chosen: DriftWindow;
  choose: (window: string) => void;
}

/** More windows than these stand in a list, so that the features keep their place. */
const BUTTONS = 6;

function Windows({ windows, chosen, choose }: WindowsProps) {
  const words = useWords();
  if (windows.length > BUTTONS) {
    return (
      <div className="jp-nbship-windows">
        <select
          aria-label={words.__('Window')}
          value={chosen.window}
          onChange={event => choose(event.target.value)}
        >
          {[...windows].reverse().map(each => (
            <option key={each.window} value={each.window}>
              {each.window} · {severityWord(each.severity, words)}
            </option>
          ))}
        </select>
      </div>
    );
  }
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
          <bdi>{each.window}</bdi>
        </button>
      ))}
    </div>
  );
}

function Summary({ drift, window, now }: { drift: VersionDrift; window: DriftWindow; now: Date }) {
  const words = useWords();
  const [drifting, total] = beyond(drift, window.window);
  return (
    <p className="jp-nbship-summary">
      <SeverityLabel severity={window.severity} />
      <span>
        {'· '}
        {words.__('%1 of %2 features drift', count(drifting), count(total))}
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
