import { ChooseModel } from './ChooseModel';
import { Notice } from './Notice';
import type { Actions, Failure, Situation } from './situation';
import { useWords } from './words';

/** Everything but a model to show: what it is, and the next step. */
export function Elsewhere({ situation, actions }: { situation: Situation; actions: Actions }) {
  const words = useWords();
  switch (situation.kind) {
    case 'no-notebook':
      return (
        <Notice title={words.__('No notebook is open')}>
          <p>{words.__('Open one, and its model’s registry state and drift appear here.')}</p>
        </Notice>
      );
    case 'no-model':
      return (
        <ChooseModel
          key={situation.notebook.path}
          setModel={actions.setModel}
          models={actions.models}
        />
      );
    case 'starting':
      return <Starting worker={situation.worker} />;
    case 'server-missing':
      return <ServerMissing />;
    case 'other-version':
      return <OtherVersion here={situation.here} there={situation.there} />;
    case 'failed':
      return <Failed failure={situation.failure} refresh={actions.refresh} />;
    case 'ready':
      return (
        <Notice title={words.__('Nothing is known yet')}>
          <p>{words.__('The model’s state appears here when the registry answers.')}</p>
        </Notice>
      );
  }
}

function Starting({ worker }: { worker: string }) {
  const words = useWords();
  return (
    <Notice
      busy
      title={
        worker === 'ready'
          ? words.__('Reading the registry…')
          : words.__('Starting the nbship worker…')
      }
    >
      {worker !== 'ready' && (
        <p>{words.__('It takes some ten seconds, once; your notebook is not held up by it.')}</p>
      )}
    </Notice>
  );
}

function ServerMissing() {
  const words = useWords();
  return (
    <Notice title={words.__('The server half of nbship is missing')}>
      <p>{words.__('Install it where the Jupyter server runs, then start the server again:')}</p>
      <code>pip install &quot;nbship[lab]&quot;</code>
      <code>jupyter server extension enable nbship_lab</code>
    </Notice>
  );
}

function OtherVersion({ here, there }: { here: string; there: string }) {
  const words = useWords();
  return (
    <Notice title={words.__('The two halves of nbship differ')}>
      <p>
        {words.__(
          'This page runs %1, the Jupyter server %2. Install one version where the server runs, start the server again, and reload this page:',
          here,
          there
        )}
      </p>
      <code>pip install --upgrade &quot;nbship[lab]&quot;</code>
    </Notice>
  );
}

function Failed({ failure, refresh }: { failure: Failure; refresh: Actions['refresh'] }) {
  const words = useWords();
  return (
    <Notice title={words.__('The model’s state could not be read')}>
      <p>
        {failure.where && <code>{failure.where}: </code>}
        {failure.what}
      </p>
      {failure.help && <p>{failure.help}</p>}
      {refresh !== undefined && (
        <button type="button" className="jp-nbship-button" onClick={refresh}>
          {words.__('Try again')}
        </button>
      )}
    </Notice>
  );
}
