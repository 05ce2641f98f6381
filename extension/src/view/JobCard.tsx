import { useState } from 'react';

import { Disclosure } from './Disclosure';
import { Chevron, Mark, SeverityIcon } from './Icon';
import { Problem } from './Problem';
import { useRemote } from './remote';
import type { Actions } from './situation';
import type { Job, JobStep } from './state';
import { useWords, type Words } from './words';

interface Props {
  job: Job;
  actions: Actions;
}

/** A long piece of work: its steps as they go, its log on demand, the way to stop it, and where it failed. */
export function JobCard({ job, actions }: Props) {
  const words = useWords();
  const { cancel, jump } = actions;
  const cell = job.error?.cell ?? null;
  return (
    <div className="jp-nbship-job" aria-busy={job.state === 'running'}>
      <p className="jp-nbship-job-title">
        <bdi>{job.title}</bdi> <small role="status">{jobWord(job.state, words)}</small>
      </p>
      <ol className="jp-nbship-job-steps">
        {job.steps.map(step => (
          <Step key={step.name} step={step} />
        ))}
      </ol>
      {job.error !== null && <Problem failure={job.error} />}
      <div className="jp-nbship-buttons">
        {job.state === 'running' && cancel !== undefined && (
          <button type="button" onClick={() => void cancel(job.id)}>
            {words.__('Cancel')}
            <span className="jp-nbship-sr"> {job.title}</span>
          </button>
        )}
        {cell !== null && jump !== undefined && (
          <button type="button" onClick={() => jump(cell)}>
            {words.__('Go to cell %1', cell)}
          </button>
        )}
      </div>
      {actions.log !== undefined && <Log job={job} load={actions.log} />}
    </div>
  );
}

function jobWord(state: Job['state'], words: Words): string {
  switch (state) {
    case 'running':
      return words.__('running');
    case 'done':
      return words.__('done');
    case 'failed':
      return words.__('failed');
    case 'cancelled':
      return words.__('cancelled');
  }
}

function Step({ step }: { step: JobStep }) {
  const words = useWords();
  return (
    <li data-state={step.state}>
      <StepIcon state={step.state} />
      <span>{step.name}</span>
      <span className="jp-nbship-sr">{stepWord(step.state, words)}</span>
      {step.detail !== null && <small>{step.detail}</small>}
    </li>
  );
}

function StepIcon({ state }: { state: JobStep['state'] }) {
  switch (state) {
    case 'done':
      return <SeverityIcon severity="none" />;
    case 'failed':
      return <SeverityIcon severity="critical" />;
    case 'running':
      return <Mark shape="running" />;
    case 'skipped':
      return <SeverityIcon severity="too_few" />;
    case 'waiting':
      return <Mark shape="waiting" />;
  }
}

function stepWord(state: JobStep['state'], words: Words): string {
  switch (state) {
    case 'done':
      return words.__('done');
    case 'failed':
      return words.__('failed');
    case 'running':
      return words.__('running');
    case 'skipped':
      return words.__('skipped');
    case 'waiting':
      return words.__('waiting');
  }
}

function Log({ job, load }: { job: Job; load: NonNullable<Actions['log']> }) {
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
          {words.__('Log')}
        </>
      }
    >
      <LogText job={job} load={load} />
    </Disclosure>
  );
}

function LogText({ job, load }: { job: Job; load: NonNullable<Actions['log']> }) {
  const words = useWords();
  const [last, setLast] = useState('');
  const loaded = useRemote(
    () =>
      load(job.id).then(text => {
        setLast(text);
        return text;
      }),
    [job.id, job.log, job.state]
  );
  if (loaded.kind === 'failed') {
    return <Problem failure={loaded.failure} />;
  }
  return (
    <pre className="jp-nbship-log" tabIndex={0} aria-label={words.__('Log')}>
      {last === '' && loaded.kind === 'loading' ? words.__('Reading the log…') : last}
    </pre>
  );
}
