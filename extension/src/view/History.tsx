import { useState } from 'react';

import { Disclosure } from './Disclosure';
import { ago, count, moment } from './format';
import { Chevron } from './Icon';
import type { HistoryEntry } from './state';
import { useWords } from './words';

/** Who changed what answers, and why; newest first. */
export function History({ history, now }: { history: HistoryEntry[]; now: Date }) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  return (
    <div className="jp-nbship-history">
      <Disclosure
        open={open}
        setOpen={setOpen}
        className="jp-nbship-sub"
        head={
          <>
            <Chevron />
            {words.__('History')} <span className="jp-nbship-count">{count(history.length)}</span>
          </>
        }
      >
        <ol>
          {history.map(entry => (
            <li key={entry.number}>
              <span>
                <strong>{entry.action}</strong>
                {entry.champion !== null && ` · @champion v${entry.champion}`}
                {entry.challenger !== null && ` · @challenger v${entry.challenger}`}
              </span>
              <small>
                <bdi>{entry.who}</bdi>,{' '}
                <time dateTime={entry.at} title={moment(entry.at)}>
                  {ago(entry.at, now)}
                </time>
                {entry.why !== '' && (
                  <>
                    {': '}
                    <bdi>{entry.why}</bdi>
                  </>
                )}
              </small>
            </li>
          ))}
        </ol>
      </Disclosure>
    </div>
  );
}
