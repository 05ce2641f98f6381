import { useState } from 'react';

import { Disclosure } from './Disclosure';
import { ago, change, metric } from './format';
import { Mark, SeverityIcon } from './Icon';
import { Lineage } from './Lineage';
import { severityWord } from './SeverityLabel';
import type { Actions, ActionRequest } from './situation';
import type { Difference, KeyMetric, ModelVersion } from './state';
import { useWords } from './words';

interface Props {
  version: ModelVersion;
  /** Only what answers today begins open: the others say enough in their head line. */
  first: boolean;
  difference: Difference | null;
  jump: Actions['jump'];
  onAction?: (request: ActionRequest) => void;
  now: Date;
}

/** One version: its head line at a glance; opened, where it comes from and what can be done with it. */
export function Version({ version, first, difference, jump, onAction, now }: Props) {
  const [open, setOpen] = useState(first);
  return (
    <li className="jp-nbship-version">
      <Disclosure
        open={open}
        setOpen={setOpen}
        className="jp-nbship-version-head"
        head={<Head version={version} open={open} now={now} />}
      >
        <OtherMetrics version={version} />
        <Lineage version={version} difference={difference} jump={jump} now={now} />
        {onAction !== undefined && <Steps version={version} onAction={onAction} />}
      </Disclosure>
    </li>
  );
}

function Head({ version, open, now }: { version: ModelVersion; open: boolean; now: Date }) {
  const words = useWords();
  const watched = version.drift !== null && version.drift !== 'none' ? version.drift : null;
  return (
    <>
      <strong>v{version.version}</strong>
      {version.aliases.map(alias => (
        <span key={alias} className="jp-nbship-chip jp-nbship-mod-alias">
          <bdi>@{alias}</bdi>
        </span>
      ))}
      <span className="jp-nbship-chip">{version.stage}</span>
      {version.status !== 'ready' && <span className="jp-nbship-chip">{version.status}</span>}
      {watched !== null && (
        <span
          className="jp-nbship-drifts"
          title={words.__('Drift: %1', severityWord(watched, words))}
        >
          <SeverityIcon severity={watched} />
          <span className="jp-nbship-sr">
            {words.__('Drift: %1', severityWord(watched, words))}
          </span>
        </span>
      )}
      {version.key_metric !== null && <Key metric={version.key_metric} />}
      {!open && version.key_metric === null && <small>{ago(version.created, now)}</small>}
    </>
  );
}

/** The one number by which versions are compared, and whether it got better. */
function Key({ metric: key }: { metric: KeyMetric }) {
  const words = useWords();
  return (
    <span className="jp-nbship-key">
      <span className="jp-nbship-key-name">{key.name}</span>{' '}
      <span title={String(key.value)}>{metric(key.value)}</span>
      {key.change !== null && key.against !== null && (
        <small title={words.__('against v%1', key.against)}>
          {key.change !== 0 && <Mark shape={key.change > 0 ? 'up' : 'down'} tone={tone(key)} />}
          {change(key.change)}
          <span className="jp-nbship-sr">
            {' '}
            {verdict(key, words.__('better'), words.__('worse'))}{' '}
            {words.__('against v%1', key.against)}
          </span>
        </small>
      )}
    </span>
  );
}

function verdict(key: KeyMetric, better: string, worse: string): string {
  if (key.better === null || !key.change) {
    return '';
  }
  return key.change > 0 === (key.better === 'higher') ? better : worse;
}

const tone = (key: KeyMetric): string =>
  verdict(key, 'jp-nbship-mod-none', 'jp-nbship-mod-critical');

function OtherMetrics({ version }: { version: ModelVersion }) {
  const others = Object.entries(version.metrics).filter(
    ([name]) => name !== version.key_metric?.name
  );
  return others.length === 0 ? null : (
    <dl className="jp-nbship-metrics">
      {others.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd title={String(value)}>{metric(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The next steps of this version; each opens a preview, none does anything by itself. */
function Steps({ version, onAction }: Required<Pick<Props, 'version' | 'onAction'>>) {
  const words = useWords();
  const number = version.version;
  const champion = version.aliases.includes('champion');
  const candidate = version.aliases.includes('challenger');
  if (version.status !== 'ready') {
    return null;
  }
  return (
    <div className="jp-nbship-buttons">
      {champion ? (
        <button type="button" onClick={() => onAction({ action: 'rollback' })}>
          {words.__('Roll back…')}
        </button>
      ) : (
        <>
          <button type="button" onClick={() => onAction({ action: 'promote', version: number })}>
            {words.__('Promote…')}
            <span className="jp-nbship-sr"> v{number}</span>
          </button>
          {!candidate && version.stage !== 'archived' && (
            <button
              type="button"
              onClick={() => onAction({ action: 'challenge', version: number })}
            >
              {words.__('Try beside…')}
              <span className="jp-nbship-sr"> v{number}</span>
            </button>
          )}
          {version.aliases.length === 0 && version.stage !== 'archived' && (
            <button type="button" onClick={() => onAction({ action: 'archive', version: number })}>
              {words.__('Archive…')}
              <span className="jp-nbship-sr"> v{number}</span>
            </button>
          )}
        </>
      )}
    </div>
  );
}
