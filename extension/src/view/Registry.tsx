import { useState } from 'react';

import { count, percent } from './format';
import { History } from './History';
import { Problem } from './Problem';
import { Section } from './Section';
import type { Actions, ActionRequest } from './situation';
import type { Assignment, Difference, State } from './state';
import { Version } from './Version';
import { useWords } from './words';

const SHOWN = 5;
const PAGE = 50;

interface Props {
  state: State;
  now: Date;
  difference: Difference | null;
  actions: Actions;
  /** Opens the preview of an action; absent where nothing can be done from here. */
  onAction?: (request: ActionRequest) => void;
}

/** The model's versions, newest first: what is deployed, what it was trained on, how good it is. */
export function Registry({ state, now, difference, actions, onAction }: Props) {
  const words = useWords();
  const [more, showMore] = useState(0);
  const versions = [...state.versions].sort((a, b) => b.version - a.version);
  // What carries an alias is in use: it stays in sight however many versions came after it.
  const shown = versions.filter((v, index) => index < SHOWN + more || v.aliases.length > 0);
  const champion = versions.find(version => version.aliases.includes('champion'));
  const total =
    versions.length === 1 ? words.__('1 version') : words.__('%1 versions', count(versions.length));
  return (
    <Section name="registry" title={words.__('Registry')} aside={total}>
      {state.problems.map(problem => (
        <Problem key={`${problem.what} ${problem.where ?? ''}`} failure={problem} alert={false} />
      ))}
      {state.assignment !== null && <Rollout assignment={state.assignment} />}
      {versions.length === 0 && <Unregistered model={state.model} />}
      <ul className="jp-nbship-versions">
        {shown.map(version => (
          <Version
            key={version.version}
            version={version}
            first={version === (champion ?? versions[0])}
            difference={difference?.version === version.version ? difference : null}
            jump={actions.jump}
            onAction={onAction}
            now={now}
          />
        ))}
      </ul>
      {shown.length < versions.length && (
        <button type="button" className="jp-nbship-more" onClick={() => showMore(more + PAGE)}>
          {words.__('Show %1 more', count(Math.min(PAGE, versions.length - shown.length)))}
        </button>
      )}
      {state.history.length > 0 && <History history={state.history} now={now} />}
    </Section>
  );
}

function Unregistered({ model }: { model: string }) {
  const words = useWords();
  return (
    <div className="jp-nbship-empty">
      <p>{words.__('Nothing is registered under this name yet. Register it in a cell:')}</p>
      <code>%ship register VARIABLE --name {model}</code>
    </div>
  );
}

/** Who answers whom while a candidate is on trial. */
function Rollout({ assignment }: { assignment: Assignment }) {
  const words = useWords();
  const { challenger, mode, share, rollout } = assignment;
  if (challenger === null || mode === 'off') {
    return null;
  }
  const says =
    mode === 'shadow'
      ? words.__('v%1 sees every request, its answers are not used', challenger)
      : words.__('v%1 answers %2 of the requests', challenger, percent(share));
  return (
    <div className="jp-nbship-rollout">
      <strong>{mode === 'shadow' ? words.__('In the shadow') : words.__('Canary')}</strong>{' '}
      <span>{says}</span>
      {mode === 'canary' && (
        <span className="jp-nbship-share" aria-hidden="true">
          <span style={{ inlineSize: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
        </span>
      )}
      {rollout?.verdict && (
        <small>
          {rollout.verdict}
          {rollout.reason && `: ${rollout.reason}`}
        </small>
      )}
    </div>
  );
}
