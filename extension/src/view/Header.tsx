import { count, percent } from './format';
import { RefreshIcon, SeverityIcon } from './Icon';
import type { Actions, Situation } from './situation';
import { severityWord } from './SeverityLabel';
import type { State } from './state';
import { StoreLine } from './StoreLine';
import { glance } from './summary';
import { useWords } from './words';

interface Props {
  situation: Situation;
  actions: Actions;
  now: Date;
}

/** The model, its notebook, how things stand in one line, and how fresh that is. */
export function Header({ situation, actions, now }: Props) {
  const words = useWords();
  const notebook = 'notebook' in situation ? situation.notebook : null;
  const ready = situation.kind === 'ready' ? situation.state : null;
  const model = ready?.model ?? notebook?.model ?? null;
  return (
    <div className="jp-nbship-header">
      <div className="jp-nbship-title">
        <h1 title={model ?? undefined}>
          <bdi>{model ?? 'nbship'}</bdi>
        </h1>
        {notebook !== null && (
          <span title={notebook.path}>
            <bdi>{notebook.name}</bdi>
            {notebook.profile !== 'default' && ` · ${notebook.profile}`}
          </span>
        )}
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
      {ready !== null && ready.versions.length > 0 && <Glance state={ready} />}
      {ready !== null && (
        <StoreLine store={ready.store} known={ready.versions.length > 0} now={now} />
      )}
    </div>
  );
}

/** What answers, what is on trial, what drifts and what alarms: the panel in a line. */
function Glance({ state }: { state: State }) {
  const words = useWords();
  const { champion, challenger, share, mode, drifting, severity, alerts } = glance(state);
  return (
    <ul className="jp-nbship-glance" aria-label={words.__('At a glance')}>
      <li>{champion === null ? words.__('no champion') : words.__('v%1 is champion', champion)}</li>
      {challenger !== null && (
        <li>
          {mode === 'canary'
            ? words.__('v%1 on trial, %2', challenger, percent(share))
            : words.__('v%1 is challenger', challenger)}
        </li>
      )}
      {severity !== null && (
        <li>
          <SeverityIcon severity={severity} />
          <span className="jp-nbship-sr">{severityWord(severity, words)}: </span>
          {words.__('%1 drifting', count(drifting))}
        </li>
      )}
      {alerts > 0 && (
        <li>
          {alerts === 1 ? words.__('1 alert open') : words.__('%1 alerts open', count(alerts))}
        </li>
      )}
    </ul>
  );
}
