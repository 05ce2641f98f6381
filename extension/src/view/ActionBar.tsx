import { useEffect, useRef } from 'react';

import { ActionSheet } from './ActionSheet';
import { JobCard } from './JobCard';
import { Section } from './Section';
import type { ActionRequest, Actions, Workbench } from './situation';
import type { Done, State } from './state';
import { useWords, type Words } from './words';

interface Props {
  state: State;
  actions: Actions;
  workbench: Workbench;
  request: ActionRequest | null;
  onRequest: (request: ActionRequest | null) => void;
  done: Done | null;
  onDone: (done: Done) => void;
}

/** Register, promote, roll back, retrain: each begins with a preview. */
export function ActionBar({ state, actions, workbench, request, onRequest, done, onDone }: Props) {
  const words = useWords();
  const opener = useRef<HTMLElement | null>(null);
  const sheet = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (request !== null) {
      opener.current ??= document.activeElement as HTMLElement | null;
      sheet.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [request]);
  const close = (): void => {
    onRequest(null);
    opener.current?.focus();
    opener.current = null;
  };
  const open = (asked: ActionRequest) => (event: { currentTarget: HTMLElement }) => {
    opener.current = event.currentTarget;
    onRequest(asked);
  };
  const candidate = state.versions.find(version => version.aliases.includes('challenger'));
  const newest = state.versions.reduce((most, each) => Math.max(most, each.version), 0);
  const next = candidate?.version ?? newest;
  const promotable = state.versions.some(
    each => each.version === next && !each.aliases.includes('champion')
  );
  return (
    <Section name="actions" title={words.__('Actions')}>
      <div className="jp-nbship-buttons" role="group" aria-label={words.__('Actions')}>
        <button type="button" onClick={open({ action: 'register' })}>
          {words.__('Register…')}
        </button>
        {promotable && (
          <button type="button" onClick={open({ action: 'promote', version: next })}>
            {words.__('Promote v%1…', next)}
          </button>
        )}
        <button type="button" onClick={open({ action: 'rollback' })}>
          {words.__('Roll back…')}
        </button>
        <button type="button" onClick={open({ action: 'retrain' })}>
          {words.__('Retrain…')}
        </button>
      </div>
      <div ref={sheet}>
        {request !== null && (
          <ActionSheet
            key={JSON.stringify(request)}
            request={request}
            actions={actions}
            barred={barredBecause(request, workbench, words)}
            onClose={close}
            onDone={told => {
              onDone(told);
              close();
            }}
          />
        )}
      </div>
      <p className="jp-nbship-said" role="status">
        {done !== null && `${done.says}${done.pending ? words.__(' (the number follows)') : ''}`}
      </p>
      {workbench.jobs
        .filter(job => job.kind === 'retrain')
        .slice(0, 1)
        .map(job => (
          <JobCard key={job.id} job={job} actions={actions} />
        ))}
    </Section>
  );
}

/** Why an action is not offered: what the user may do, and whether the notebook is trusted. */
function barredBecause(request: ActionRequest, workbench: Workbench, words: Words): string | null {
  const { may, trusted } = workbench;
  if (!(request.action === 'retrain' ? may.execute : may.write)) {
    return words.__('You may look at this model but not change it; ask whoever runs this server.');
  }
  if (!trusted) {
    return words.__(
      'This notebook is not trusted yet, and it names the model that this would change. Trust it first.'
    );
  }
  return null;
}
