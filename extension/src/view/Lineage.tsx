import type { ReactNode } from 'react';

import { ago, count, moment, short } from './format';
import type { Actions } from './situation';
import type { Difference, ModelVersion } from './state';
import { useWords } from './words';

interface Props {
  version: ModelVersion;
  /** How the open notebook differs from the cells that made this version. */
  difference: Difference | null;
  jump: Actions['jump'];
  now: Date;
}

/** From the data to the package, in the order in which one made the other. */
export function Lineage({ version, difference, jump, now }: Props) {
  const words = useWords();
  const { run_id: run, package_commit: commit, created_by: by, notebook, cells } = version;
  return (
    <ol
      className="jp-nbship-lineage"
      aria-label={words.__('Where v%1 comes from', version.version)}
    >
      {version.datasets.map(data => (
        <Link key={`${data.name} ${data.digest ?? ''}`} name={words.__('data')}>
          <span title={data.name}>
            <bdi>{lastPart(data.name)}</bdi>
          </span>
          {data.digest !== null && <code title={data.digest}>{short(data.digest)}</code>}
        </Link>
      ))}
      {(cells > 0 || notebook.name !== null) && (
        <Link name={words.__('cells')}>
          {cells > 0 && <span>{count(cells)}</span>}
          {notebook.name !== null && (
            <span title={notebook.name}>
              <bdi>{notebook.name}</bdi>
            </span>
          )}
        </Link>
      )}
      {difference !== null && <Differs difference={difference} jump={jump} />}
      {run !== null && (
        <Link name={words.__('run')}>
          <code title={run}>{short(run)}</code>
        </Link>
      )}
      <Link name={words.__('version')}>
        <time dateTime={version.created} title={moment(version.created)}>
          {ago(version.created, now)}
        </time>
        {by !== null && (
          <span title={by}>
            {words.__('by %1', '')}
            <bdi>{by}</bdi>
          </span>
        )}
      </Link>
      {commit !== null && (
        <Link name={words.__('package')}>
          <code title={commit}>{short(commit)}</code>
        </Link>
      )}
    </ol>
  );
}

function Link({ name, children }: { name: string; children: ReactNode }) {
  return (
    <li>
      <span className="jp-nbship-lineage-name">{name}</span>
      <span className="jp-nbship-lineage-what">{children}</span>
    </li>
  );
}

/** "This notebook differs from v4 by 2 cells", with the way to each of them. */
function Differs({ difference, jump }: { difference: Difference; jump: Actions['jump'] }) {
  const words = useWords();
  const { changed, added, removed, note, version } = difference;
  const total = changed.length + added.length + removed.length;
  if (version === null || note !== null) {
    return <li className="jp-nbship-differs">{note}</li>;
  }
  if (total === 0) {
    return (
      <li className="jp-nbship-differs">{words.__('This notebook is as v%1 was made', version)}</li>
    );
  }
  const parts = [
    changed.length > 0 && words.__('%1 changed', count(changed.length)),
    added.length > 0 && words.__('%1 added', count(added.length)),
    removed.length > 0 && words.__('%1 removed', count(removed.length))
  ].filter(part => part !== false);
  const [nearest] = [...changed, ...added];
  return (
    <li className="jp-nbship-differs">
      <strong>
        {total === 1
          ? words.__('This notebook differs from v%1 by 1 cell', version)
          : words.__('This notebook differs from v%1 by %2 cells', version, count(total))}
      </strong>{' '}
      <small>{parts.join(', ')}</small>
      {jump !== undefined && nearest !== undefined && (
        <button type="button" className="jp-nbship-link" onClick={() => jump(nearest)}>
          {words.__('Show')}
          <span className="jp-nbship-sr"> {words.__('the first cell that differs')}</span>
        </button>
      )}
    </li>
  );
}

/** A path's file name: what a narrow panel has room for. */
const lastPart = (path: string): string => path.replace(/^.*\/(?=.)/, '');
