import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';

import { Conflicted } from './Conflicted';
import { PreviewTables } from './PreviewTables';
import { Problem } from './Problem';
import { useRemote } from './remote';
import {
  type ActionName,
  type ActionRequest,
  type Actions,
  type Failure,
  failureOf
} from './situation';
import type { Candidate, Conflict, Done, Preview } from './state';
import { useWords, type Words } from './words';

interface Props {
  request: ActionRequest;
  actions: Actions;
  /** Why nothing may be done from here, where that is so. */
  barred: string | null;
  onClose: () => void;
  onDone: (done: Done) => void;
}

export function actionTitle(action: ActionName, version: number | undefined, words: Words): string {
  switch (action) {
    case 'register':
      return words.__('Register a model');
    case 'promote':
      return words.__('Promote v%1', version ?? '');
    case 'rollback':
      return words.__('Roll back');
    case 'retrain':
      return words.__('Retrain');
    case 'challenge':
      return words.__('Try v%1 beside the champion', version ?? '');
    case 'archive':
      return words.__('Archive v%1', version ?? '');
  }
}

/** What an action would change and what speaks for it; only then the button that does it. */
export function ActionSheet({ request, actions, barred, onClose, onDone }: Props) {
  const words = useWords();
  const [candidate, setCandidate] = useState<string | undefined>(request.candidate);
  const [looked, lookAgain] = useState(0);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const asked = { ...request, candidate };
  const { preview } = actions;
  const loaded = useRemote<Preview>(preview ? () => preview(asked) : null, [candidate, looked]);
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      onClose();
    }
  };
  const again = (): void => {
    setConflict(null);
    lookAgain(looked + 1);
  };
  const title = actionTitle(request.action, request.version, words);
  return (
    <div className="jp-nbship-sheet" role="group" aria-label={title} onKeyDown={onKey}>
      <h3 ref={heading} tabIndex={-1}>
        {title}
      </h3>
      {loaded.kind === 'loading' && (
        <p aria-busy="true">{words.__('Looking at what would change…')}</p>
      )}
      {loaded.kind === 'failed' && <Problem failure={loaded.failure} />}
      {conflict !== null && <Conflicted conflict={conflict} onAgain={again} />}
      {loaded.kind === 'known' && conflict === null && (
        <>
          {loaded.value.candidates.length > 0 && (
            <Candidates
              candidates={loaded.value.candidates}
              chosen={candidate}
              choose={setCandidate}
            />
          )}
          <PreviewTables preview={loaded.value} />
          <Confirm
            request={asked}
            preview={loaded.value}
            actions={actions}
            barred={barred}
            onClose={onClose}
            onDone={onDone}
            onConflict={setConflict}
          />
        </>
      )}
      {(loaded.kind !== 'known' || conflict !== null) && (
        <div className="jp-nbship-buttons">
          <button type="button" onClick={onClose}>
            {words.__('Close')}
          </button>
        </div>
      )}
    </div>
  );
}

interface CandidatesProps {
  candidates: Candidate[];
  chosen: string | undefined;
  choose: (id: string) => void;
}

function Candidates({ candidates, chosen, choose }: CandidatesProps) {
  const words = useWords();
  const id = useId();
  return (
    <p className="jp-nbship-field">
      <label htmlFor={id}>{words.__('Fitted in this notebook')}</label>
      <select id={id} value={chosen ?? ''} onChange={event => choose(event.target.value)}>
        {chosen === undefined && <option value="">{words.__('Choose…')}</option>}
        {candidates.map(each => (
          <option key={each.id} value={each.id}>
            {each.variable} · {each.type.split('.').pop()}
            {each.run !== '' && ` · ${each.run}`}
          </option>
        ))}
      </select>
    </p>
  );
}

interface ConfirmProps extends Props {
  preview: Preview;
  onConflict: (conflict: Conflict) => void;
}

function Confirm(props: ConfirmProps) {
  const { request, preview, actions, barred, onClose } = props;
  const words = useWords();
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const id = useId();
  const stop = barred ?? (preview.allowed ? missing(request, preview, words) : preview.reason);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (stop === null && preview.allowed && !busy) {
      setBusy(true);
      setFailure(null);
      act(props, why).then(
        () => setBusy(false),
        (error: unknown) => {
          setBusy(false);
          setFailure(failureOf(error));
        }
      );
    }
  };
  const offered = request.action === 'retrain' ? actions.retrain : actions.act;
  return (
    <form onSubmit={submit}>
      {stop !== null && <p className="jp-nbship-barred">{stop}</p>}
      <p className="jp-nbship-field">
        <label htmlFor={id}>{words.__('Why (kept in the history)')}</label>
        <textarea id={id} rows={2} value={why} onChange={event => setWhy(event.target.value)} />
      </p>
      {failure !== null && <Problem failure={failure} />}
      <div className="jp-nbship-buttons">
        <button
          type="submit"
          className="jp-nbship-do"
          disabled={stop !== null || !preview.allowed || busy || offered === undefined}
        >
          {busy ? words.__('Working…') : actionTitle(request.action, request.version, words)}
        </button>
        <button type="button" onClick={onClose}>
          {words.__('Cancel')}
        </button>
      </div>
    </form>
  );
}

const missing = (request: ActionRequest, preview: Preview, words: Words): string | null =>
  request.action === 'register' && request.candidate === undefined && preview.candidates.length > 0
    ? words.__('Choose which of the fitted models to register.')
    : null;

async function act(
  { request, preview, actions, onDone, onConflict }: ConfirmProps,
  why: string
): Promise<void> {
  if (request.action === 'retrain') {
    await actions.retrain?.();
    onDone({ says: preview.says, assignment: null, pending: true });
    return;
  }
  const outcome = await actions.act?.(request, preview.expected, why);
  if (outcome?.kind === 'conflict') {
    onConflict(outcome.conflict);
  } else if (outcome !== undefined) {
    onDone(outcome.done);
  }
}
