import { useEffect, useRef } from 'react';

import { SeverityIcon } from './Icon';
import type { Conflict } from './state';
import { useWords } from './words';

/** Somebody was first: what stands now, who made it so, and the way on. */
export function Conflicted({ conflict, onAgain }: { conflict: Conflict; onAgain: () => void }) {
  const words = useWords();
  const { error, stands, changed } = conflict;
  const again = useRef<HTMLButtonElement>(null);
  useEffect(() => again.current?.focus(), []);
  return (
    <div className="jp-nbship-problem" role="alert">
      <SeverityIcon severity="warning" />
      <div>
        <p>
          <strong>{words.__('Nothing was done: it has changed since you looked.')}</strong>
        </p>
        <p>{error.what}</p>
        {changed !== null && (
          <p>
            <bdi>{changed.who}</bdi>: {changed.action}
            {changed.why !== '' && (
              <>
                {' · '}
                <bdi>{changed.why}</bdi>
              </>
            )}
          </p>
        )}
        {stands !== null && (
          <p>
            {words.__('Now:')} @champion {stands.champion === null ? '–' : `v${stands.champion}`},
            @challenger {stands.challenger === null ? '–' : `v${stands.challenger}`}
          </p>
        )}
        {error.help && <p className="jp-nbship-help">{error.help}</p>}
        <button ref={again} type="button" onClick={onAgain}>
          {words.__('Look again')}
        </button>
      </div>
    </div>
  );
}
