import { type FormEvent, useId, useState } from 'react';

import { Disclosure } from './Disclosure';
import { ago, count, moment } from './format';
import { Chevron, SeverityIcon } from './Icon';
import { Problem } from './Problem';
import { Procedure } from './Procedure';
import { Section } from './Section';
import { type Actions, type Failure, failureOf } from './situation';
import { severityWord } from './SeverityLabel';
import type { Alert, Permissions, State } from './state';
import { useWords } from './words';

interface Props {
  state: State;
  actions: Actions;
  may: Permissions;
  now: Date;
}

export const alertId = (alert: Alert): string => `${alert.stream} ${alert.key}`;

/** What asks for somebody's attention, who has taken it on, and what is over. */
export function Alerts({ state, actions, may, now }: Props) {
  const words = useWords();
  const pending = state.alerts.filter(alert => alert.state !== 'resolved');
  const over = state.alerts.filter(alert => alert.state === 'resolved');
  const open = pending.filter(alert => alert.state === 'open').length;
  return (
    <Section
      name="alerts"
      title={words.__('Alerts')}
      aside={pending.length > 0 ? words.__('%1 open', count(open)) : undefined}
    >
      {pending.length === 0 && (
        <p className="jp-nbship-empty">{words.__('Nothing asks for your attention.')}</p>
      )}
      <ul className="jp-nbship-alerts">
        {pending.map(alert => (
          <AlertCard key={alertId(alert)} alert={alert} actions={actions} may={may} now={now} />
        ))}
      </ul>
      {over.length > 0 && <Over alerts={over} now={now} />}
    </Section>
  );
}

function AlertCard({ alert, actions, may, now }: { alert: Alert } & Omit<Props, 'state'>) {
  const words = useWords();
  const [asking, ask] = useState<'acknowledge' | 'resolve' | null>(null);
  return (
    <li className="jp-nbship-alert" data-state={alert.state}>
      <p className="jp-nbship-alert-head">
        <SeverityIcon severity={alert.tier} />
        <span>
          <strong>
            <bdi>{alert.subject}</bdi>
          </strong>{' '}
          {severityWord(alert.tier, words)}, v{alert.version}
        </span>
        <small>
          <time dateTime={alert.since} title={moment(alert.since)}>
            {ago(alert.since, now)}
          </time>
        </small>
      </p>
      <p>
        {alert.reason}
        {alert.window !== '' && ` (${alert.window})`}
        {alert.occurrence > 1 && ` · ${words.__('%1 times', count(alert.occurrence))}`}
      </p>
      {alert.state === 'acknowledged' && <Taken alert={alert} />}
      <Procedure alert={alert} />
      {actions.settle !== undefined && may.write && asking === null && (
        <div className="jp-nbship-buttons">
          {alert.state === 'open' && (
            <button type="button" onClick={() => ask('acknowledge')}>
              {words.__('Acknowledge…')}
              <span className="jp-nbship-sr"> {alert.subject}</span>
            </button>
          )}
          <button type="button" onClick={() => ask('resolve')}>
            {words.__('Resolve…')}
            <span className="jp-nbship-sr"> {alert.subject}</span>
          </button>
        </div>
      )}
      {asking !== null && actions.settle !== undefined && (
        <Settle alert={alert} to={asking} settle={actions.settle} onClose={() => ask(null)} />
      )}
    </li>
  );
}

function Taken({ alert }: { alert: Alert }) {
  const words = useWords();
  return (
    <p className="jp-nbship-taken">
      {words.__('Acknowledged')}
      {alert.by !== null && (
        <>
          {' · '}
          <bdi>{alert.by}</bdi>
        </>
      )}
      {alert.note && (
        <>
          {': '}
          <bdi>{alert.note}</bdi>
        </>
      )}
    </p>
  );
}

interface SettleProps {
  alert: Alert;
  to: 'acknowledge' | 'resolve';
  settle: NonNullable<Actions['settle']>;
  onClose: () => void;
}

function Settle({ alert, to, settle, onClose }: SettleProps) {
  const words = useWords();
  const id = useId();
  const [note, setNote] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    settle(alert, to, note).then(onClose, (error: unknown) => setFailure(failureOf(error)));
  };
  return (
    <form
      onSubmit={submit}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          onClose();
        }
      }}
    >
      <p className="jp-nbship-field">
        <label htmlFor={id}>{words.__('Note (may be empty)')}</label>
        <input id={id} autoFocus value={note} onChange={event => setNote(event.target.value)} />
      </p>
      {failure !== null && <Problem failure={failure} />}
      <div className="jp-nbship-buttons">
        <button type="submit" className="jp-nbship-do">
          {to === 'acknowledge' ? words.__('Acknowledge') : words.__('Resolve')}
        </button>
        <button type="button" onClick={onClose}>
          {words.__('Cancel')}
        </button>
      </div>
    </form>
  );
}

function Over({ alerts, now }: { alerts: Alert[]; now: Date }) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  return (
    <Disclosure
      open={open}
      setOpen={setOpen}
      className="jp-nbship-sub"
      head={
        <>
          <Chevron />
          {words.__('Resolved')} <span className="jp-nbship-count">{count(alerts.length)}</span>
        </>
      }
    >
      <ul className="jp-nbship-alerts">
        {alerts.map(alert => (
          <li key={`${alertId(alert)} ${alert.since}`} className="jp-nbship-alert">
            <p className="jp-nbship-alert-head">
              <SeverityIcon severity="none" />
              <bdi>{alert.subject}</bdi>
              <small>{ago(alert.since, now)}</small>
            </p>
            <p>{alert.reason}</p>
          </li>
        ))}
      </ul>
    </Disclosure>
  );
}
