import { type FormEvent, useId, useState } from 'react';

import { JobCard } from './JobCard';
import { Problem } from './Problem';
import { Proof } from './Proof';
import { Section } from './Section';
import { type Actions, type Failure, failureOf, type Notebook, type Workbench } from './situation';
import { useWords, type Words } from './words';

interface Props {
  notebook: Notebook;
  workbench: Workbench;
  actions: Actions;
}

/** From the notebook to a package: begin it, watch it, and see the proof that both give the same. */
export function Export({ notebook, workbench, actions }: Props) {
  const words = useWords();
  const [job] = workbench.jobs.filter(each => each.kind === 'export');
  const running = job?.state === 'running';
  return (
    <Section name="export" title={words.__('Export')}>
      {workbench.lost !== null && job === undefined && (
        <Problem
          failure={{
            what: words.__(
              'The Jupyter server was started again, and with it ended what ran there.'
            ),
            help: words.__('Start the export again: what was not finished was not written.')
          }}
        />
      )}
      {!running && (
        <Begin key={notebook.path} notebook={notebook} workbench={workbench} actions={actions} />
      )}
      {job !== undefined && <JobCard job={job} actions={actions} />}
      {job?.result && <Proof result={job.result} jump={actions.jump} />}
    </Section>
  );
}

/** A folder named as the notebook, beside it. */
export const folderFor = (notebook: Notebook): string => {
  const name = notebook.name.replace(/\.[^.]+$/, '').replace(/[^\w.-]+/g, '-');
  return notebook.path.slice(0, notebook.path.length - notebook.name.length) + name;
};

function Begin({ notebook, workbench, actions }: Props) {
  const words = useWords();
  const id = useId();
  const [to, setTo] = useState(folderFor(notebook));
  const [yes, setYes] = useState(false);
  const [fresh, setFresh] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const stop = barred(workbench, words);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setFailure(null);
    actions
      .startExport?.({ to: to.trim(), yes, fresh })
      .catch((error: unknown) => setFailure(failureOf(error)));
  };
  return (
    <form onSubmit={submit}>
      <p className="jp-nbship-field">
        <label htmlFor={id}>{words.__('Into the folder')}</label>
        <input id={id} value={to} onChange={event => setTo(event.target.value)} />
      </p>
      <p className="jp-nbship-field">
        <label>
          <input
            type="checkbox"
            checked={fresh}
            onChange={event => setFresh(event.target.checked)}
          />
          {words.__('Run the notebook anew although nothing changed')}
        </label>
        <label>
          <input type="checkbox" checked={yes} onChange={event => setYes(event.target.checked)} />
          {words.__('Steps may write to databases and to the network')}
        </label>
      </p>
      {stop !== null && <p className="jp-nbship-barred">{stop}</p>}
      {failure !== null && <Problem failure={failure} />}
      <div className="jp-nbship-buttons">
        <button
          type="submit"
          className="jp-nbship-do"
          disabled={stop !== null || to.trim() === '' || actions.startExport === undefined}
        >
          {words.__('Export')}
        </button>
      </div>
    </form>
  );
}

/** Running a notebook runs its code: only for who may, and only what they trust. */
function barred({ may, trusted }: Workbench, words: Words): string | null {
  if (!may.execute) {
    return words.__('You may not run things on this server; ask whoever runs it.');
  }
  return trusted
    ? null
    : words.__('An export runs this notebook, and you have not said that you trust it.');
}
