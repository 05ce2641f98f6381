import { type ChangeEvent, useId } from 'react';

import type { Words } from '../view/words';
import { markLabel, type Mark, MODULES, PARAMETERS, SKIP, stepMark } from './tags';

interface Props {
  mark: Mark;
  /** The steps that the notebook has already. */
  names: readonly string[];
  words: Words;
  onMark: (mark: Mark) => void;
  /** Asks for a name that is not in the list. */
  onOther: () => void;
  label?: string;
  disabled?: boolean;
  /** The step that `%%ship` names in the source: it cannot be changed here. */
  said?: string | null;
}

const OTHER = ' other';

/** One list of what a cell can be, the same wherever it is asked. */
export function StepSelect({
  mark,
  names,
  words,
  onMark,
  onOther,
  label,
  disabled,
  said = null
}: Props) {
  const id = useId();
  const steps = [...new Set([...names, ...MODULES])].map(stepMark);
  const known = ['', SKIP, PARAMETERS, ...steps].includes(mark);
  const choose = (event: ChangeEvent<HTMLSelectElement>): void => {
    const { value } = event.target;
    if (value === OTHER) {
      onOther();
    } else {
      onMark(value);
    }
  };
  return (
    <span className="jp-nbship-step-select">
      {label !== undefined && <label htmlFor={id}>{label}</label>}
      <select
        id={id}
        aria-label={label === undefined ? words.__('Step of this cell') : undefined}
        title={
          said === null
            ? words.__('The step that this cell belongs to: what it becomes when exported')
            : words.__('The first line of this cell says %%ship: change it there')
        }
        value={mark}
        disabled={disabled === true || said !== null}
        data-marked={mark !== ''}
        onChange={choose}
      >
        <option value="">{words.__('no step')}</option>
        {!known && <option value={mark}>{markLabel(mark)}</option>}
        <optgroup label={words.__('Steps')}>
          {steps.map(step => (
            <option key={step} value={step}>
              {markLabel(step)}
            </option>
          ))}
          <option value={OTHER}>{words.__('Another name…')}</option>
        </optgroup>
        <optgroup label={words.__('Not a step')}>
          <option value={PARAMETERS}>{words.__('parameters')}</option>
          <option value={SKIP}>{words.__('skip')}</option>
        </optgroup>
      </select>
    </span>
  );
}
