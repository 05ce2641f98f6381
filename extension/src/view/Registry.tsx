import { type ReactNode, useId, useState } from 'react';

import { ago, count, metric, moment, short } from './format';
import { Section } from './Section';
import type { ModelVersion, State } from './state';
import { useWords } from './words';

const SHOWN = 5;

/** The model's versions, newest first: what is deployed, what it was trained on, how good it is. */
export function Registry({ state, now }: { state: State; now: Date }) {
  const words = useWords();
  const [all, showAll] = useState(false);
  const versions = [...state.versions].sort((a, b) => b.version - a.version);
  // What carries an alias is in use: it stays in sight however many versions came after it.
  const shown = all
    ? versions
    : versions.filter((v, index) => index < SHOWN || v.aliases.length > 0);
  return (
    <Section
      title={words.__('Registry')}
      aside={
        versions.length === 1
          ? words.__('1 version')
          : words.__('%1 versions', count(versions.length))
      }
    >
      {versions.length === 0 ? (
        <div className="jp-nbship-empty">
          <p>{words.__('Nothing is registered under this name yet. Register it in a cell:')}</p>
          <code>%ship register VARIABLE --name {state.model}</code>
        </div>
      ) : (
        <ul className="jp-nbship-versions">
          {shown.map((version, index) => (
            <Version
              key={version.version}
              version={version}
              inUse={index === 0 || version.aliases.length > 0}
              now={now}
            />
          ))}
        </ul>
      )}
      {shown.length < versions.length && (
        <button type="button" className="jp-nbship-more" onClick={() => showAll(true)}>
          {words.__('Show all')}
        </button>
      )}
    </Section>
  );
}

interface VersionProps {
  version: ModelVersion;
  /** Versions that are neither the newest nor under an alias begin folded. */
  inUse: boolean;
  now: Date;
}

function Version({ version, inUse, now }: VersionProps) {
  const words = useWords();
  const [open, setOpen] = useState(inUse);
  const id = useId();
  const { created_by: by, run_id: run } = version;
  return (
    <li className="jp-nbship-version">
      <button
        type="button"
        className="jp-nbship-version-head"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <strong>v{version.version}</strong>
        {version.aliases.map(alias => (
          <span key={alias} className="jp-nbship-chip jp-nbship-mod-alias">
            @{alias}
          </span>
        ))}
        {version.stage !== null && <span className="jp-nbship-chip">{version.stage}</span>}
        {version.status !== 'ready' && <span className="jp-nbship-chip">{version.status}</span>}
        {!open && <small>{ago(version.created, now)}</small>}
      </button>
      <div id={id} hidden={!open}>
        <dl className="jp-nbship-metrics">
          {Object.entries(version.metrics).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd title={String(value)}>{metric(value)}</dd>
            </div>
          ))}
        </dl>
        <dl className="jp-nbship-facts">
          {version.datasets.map(dataset => (
            <Fact key={`${dataset.name} ${dataset.digest ?? ''}`} name={words.__('data')}>
              <span title={dataset.name}>{lastPart(dataset.name)}</span>
              {dataset.digest !== null && (
                <code title={dataset.digest}>{short(dataset.digest)}</code>
              )}
            </Fact>
          ))}
          {run !== null && (
            <Fact name={words.__('run')}>
              <code title={run}>{short(run)}</code>
            </Fact>
          )}
          {version.package_commit !== null && (
            <Fact name={words.__('package')}>
              <code title={version.package_commit}>{short(version.package_commit)}</code>
            </Fact>
          )}
          <Fact name={words.__('created')}>
            <time dateTime={version.created} title={moment(version.created)}>
              {ago(version.created, now)}
            </time>
            {by !== null && <span>{words.__('by %1', by)}</span>}
          </Fact>
        </dl>
      </div>
    </li>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A path's file name: what a narrow panel has room for. */
const lastPart = (path: string): string => path.replace(/^.*\/(?=.)/, '');
