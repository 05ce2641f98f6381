import { count, percent } from './format';
import { SeverityIcon } from './Icon';
import { Problem } from './Problem';
import { Section } from './Section';
import type { Actions, Loaded } from './situation';
import type { CellProblem, Proposals, ProposedStep, Severity } from './state';
import { useWords } from './words';

interface Props {
  proposals: Loaded<Proposals>;
  actions: Actions;
}

/** The notebook's steps, what is proposed for cells that have none, and what stands in an export's way. */
export function Cells({ proposals, actions }: Props) {
  const words = useWords();
  const steps = proposals.kind === 'known' ? proposals.value.steps : [];
  const open = steps.filter(step => !step.tagged);
  const aside =
    proposals.kind !== 'known' || steps.length === 0
      ? undefined
      : words.__('%1 steps, %2 proposed', count(steps.length), count(open.length));
  return (
    <Section name="cells" title={words.__('Cells')} aside={aside}>
      {proposals.kind === 'loading' && (
        <p aria-busy="true" className="jp-nbship-empty">
          {words.__('Reading the cells…')}
        </p>
      )}
      {proposals.kind === 'failed' && <Problem failure={proposals.failure} />}
      {proposals.kind === 'known' && steps.length === 0 && (
        <p className="jp-nbship-empty">
          {words.__('No cell of this notebook becomes a step yet: write some code.')}
        </p>
      )}
      {open.length > 1 && actions.accept !== undefined && (
        <div className="jp-nbship-buttons">
          <button type="button" onClick={() => actions.accept?.(open)}>
            {words.__('Accept all %1', count(open.length))}
          </button>
        </div>
      )}
      <ol className="jp-nbship-steps">
        {steps.map(step => (
          <Step key={`${step.tag} ${step.cells.join(' ')}`} step={step} actions={actions} />
        ))}
      </ol>
      {proposals.kind === 'known' && (
        <Problems problems={proposals.value.problems} jump={actions.jump} />
      )}
    </Section>
  );
}

function Step({ step, actions }: { step: ProposedStep; actions: Actions }) {
  const words = useWords();
  const { accept } = actions;
  return (
    <li className="jp-nbship-step" data-tagged={step.tagged}>
      <div className="jp-nbship-step-head">
        <strong>
          <bdi>{step.name}</bdi>
        </strong>
        <small>{step.module}</small>
        {!step.tagged && <span className="jp-nbship-chip">{words.__('proposed')}</span>}
        <Jumps step={step} jump={actions.jump} />
      </div>
      {!step.tagged && (
        <p className="jp-nbship-why">
          <span>
            {step.reason} · {words.__('%1 sure', percent(step.confidence))}
          </span>
          {accept !== undefined && (
            <button type="button" onClick={() => accept([step])}>
              {words.__('Accept')}
              <span className="jp-nbship-sr"> {step.name}</span>
            </button>
          )}
        </p>
      )}
    </li>
  );
}

/** More cells than these are told as a number. */
const JUMPS = 6;

function Jumps({ step, jump }: { step: ProposedStep; jump: Actions['jump'] }) {
  const words = useWords();
  return (
    <span className="jp-nbship-jumps">
      {step.cells.slice(0, JUMPS).map((cell, place) => {
        const label = String(step.indexes[place] ?? place);
        return jump === undefined ? (
          <span key={cell}>{label}</span>
        ) : (
          <button
            key={cell}
            type="button"
            title={words.__('Go to cell %1', label)}
            aria-label={words.__('Go to cell %1', label)}
            onClick={() => jump(cell)}
          >
            {label}
          </button>
        );
      })}
      {step.cells.length > JUMPS && <span>+{count(step.cells.length - JUMPS)}</span>}
    </span>
  );
}

const SEVERITIES: Record<CellProblem['severity'], Severity> = {
  error: 'critical',
  warning: 'warning',
  info: 'info'
};

/** At most so many problems at once: who mends ten sees the next ten. */
const PROBLEMS = 20;

function Problems({ problems, jump }: { problems: CellProblem[]; jump: Actions['jump'] }) {
  const words = useWords();
  if (problems.length === 0) {
    return null;
  }
  return (
    <div className="jp-nbship-group">
      <h3>
        {words.__('Problems')} <span className="jp-nbship-count">{count(problems.length)}</span>
      </h3>
      <ul className="jp-nbship-problems">
        {problems.slice(0, PROBLEMS).map((problem, place) => (
          <li key={`${place} ${problem.code} ${problem.cell ?? ''}`}>
            <SeverityIcon severity={SEVERITIES[problem.severity]} />
            <div>
              <p>
                <span className="jp-nbship-sr">{problem.severity}: </span>
                {problem.message}
              </p>
              {problem.help && <p className="jp-nbship-help">{problem.help}</p>}
            </div>
            <Where problem={problem} jump={jump} />
          </li>
        ))}
      </ul>
      {problems.length > PROBLEMS && (
        <p className="jp-nbship-empty">
          {words.__('and %1 more', count(problems.length - PROBLEMS))}
        </p>
      )}
    </div>
  );
}

function Where({ problem, jump }: { problem: CellProblem; jump: Actions['jump'] }) {
  const words = useWords();
  const cell = problem.cell ?? problem.index;
  if (cell === null || jump === undefined) {
    return null;
  }
  const label = String(problem.index ?? '');
  return (
    <button type="button" className="jp-nbship-link" onClick={() => jump(cell)}>
      {words.__('Go to cell %1', label)}
    </button>
  );
}
