import { ChooseModel } from './ChooseModel';
import { Drift } from './Drift';
import { RefreshIcon } from './Icon';
import { Notice } from './Notice';
import { Registry } from './Registry';
import { StoreLine } from './StoreLine';
import type { Actions, Failure, Situation } from './situation';
import { english, useWords, type Words, WordsContext } from './words';

interface Props {
  situation: Situation;
  actions?: Actions;
  now?: Date;
  words?: Words;
}

/** The whole panel, wherever it is shown: it knows nothing of JupyterLab, comms or HTTP. */
export function Panel({ situation, actions = {}, now = new Date(), words = english }: Props) {
  return (
    <WordsContext.Provider value={words}>
      <div className="jp-nbship">
        <Header situation={situation} actions={actions} now={now} />
        <Body situation={situation} actions={actions} now={now} />
      </div>
    </WordsContext.Provider>
  );
}

type PartProps = Required<Pick<Props, 'situation' | 'actions' | 'now'>>;

function Header({ situation, actions, now }: PartProps) {
  const words = useWords();
  const notebook = 'notebook' in situation ? situation.notebook : null;
  const model = situation.kind === 'ready' ? situation.state.model : notebook?.model;
  return (
    <header className="jp-nbship-header">
      <div className="jp-nbship-title">
        <h1 title={model ?? undefined}>{model ?? 'nbship'}</h1>
        {notebook !== null && <span title={notebook.name}>{notebook.name}</span>}
      </div>
      {actions.refresh !== undefined && situation.kind !== 'no-notebook' && (
        <button
          type="button"
          className="jp-nbship-refresh"
          title={words.__('Refresh')}
          aria-label={words.__('Refresh')}
          onClick={actions.refresh}
        >
          <RefreshIcon />
        </button>
      )}
      {situation.kind === 'ready' && (
        <StoreLine
          store={situation.state.store}
          known={situation.state.versions.length > 0}
          now={now}
        />
      )}
    </header>
  );
}

function Body({ situation, actions, now }: PartProps) {
  const words = useWords();
  switch (situation.kind) {
    case 'no-notebook':
      return (
        <Notice title={words.__('No notebook is open')}>
          <p>{words.__('Open one, and its model’s registry state and drift appear here.')}</p>
        </Notice>
      );
    case 'no-model':
      return <ChooseModel key={situation.notebook.name} setModel={actions.setModel} />;
    case 'starting':
      return (
        <Notice
          busy
          title={
            situation.worker === 'ready'
              ? words.__('Reading the registry…')
              : words.__('Starting the nbship worker…')
          }
        >
          {situation.worker !== 'ready' && (
            <p>
              {words.__('It takes some ten seconds, once; your notebook is not held up by it.')}
            </p>
          )}
        </Notice>
      );
    case 'server-missing':
      return (
        <Notice title={words.__('The server half of nbship is missing')}>
          <p>
            {words.__('Install it where the Jupyter server runs, then start the server again:')}
          </p>
          <code>pip install &quot;nbship[lab]&quot;</code>
          <code>jupyter server extension enable nbship_lab</code>
        </Notice>
      );
    case 'other-version':
      return (
        <Notice title={words.__('The two halves of nbship differ')}>
          <p>
            {words.__(
              'This page runs %1, the Jupyter server %2. Install one version where the server runs, start the server again, and reload this page:',
              situation.here,
              situation.there
            )}
          </p>
          <code>pip install --upgrade &quot;nbship[lab]&quot;</code>
        </Notice>
      );
    case 'failed':
      return <Failed failure={situation.failure} />;
    case 'ready':
      if (!situation.state.store.reachable && situation.state.versions.length === 0) {
        return (
          <Notice title={words.__('Nothing is known yet')}>
            <p>{words.__('The model’s state appears here when the registry answers.')}</p>
          </Notice>
        );
      }
      return (
        <>
          <Registry state={situation.state} now={now} />
          <Drift key={situation.state.model} state={situation.state} now={now} />
        </>
      );
  }
}

function Failed({ failure }: { failure: Failure }) {
  const words = useWords();
  return (
    <Notice title={words.__('The registry cannot be read')}>
      <p role="alert">
        {failure.where ? `${failure.where}: ` : ''}
        {failure.what}
      </p>
      {failure.help && <p>{failure.help}</p>}
    </Notice>
  );
}
