import { type FormEvent, useId, useState } from 'react';

import { Notice } from './Notice';
import { useRemote } from './remote';
import type { Actions } from './situation';
import { useWords } from './words';

/** The notebook has no model yet: register one from a cell, or name one that exists. */
export function ChooseModel({ setModel, models }: Pick<Actions, 'setModel' | 'models'>) {
  const words = useWords();
  const [name, setName] = useState('');
  const id = useId();
  const known = useRemote(models ?? null, []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() !== '') {
      setModel?.(name.trim());
    }
  };
  return (
    <Notice title={words.__('This notebook has no model yet')}>
      <p>{words.__('Register a fitted model from a cell:')}</p>
      <code>%ship register VARIABLE --name MODEL</code>
      <p>{words.__('Then, or if it is registered already, name it here:')}</p>
      <form onSubmit={submit}>
        <label htmlFor={id} className="jp-nbship-sr">
          {words.__('Model name')}
        </label>
        <input
          id={id}
          value={name}
          maxLength={128}
          list={`${id}-known`}
          placeholder={words.__('Model name')}
          onChange={event => setName(event.target.value)}
        />
        <datalist id={`${id}-known`}>
          {known.kind === 'known' && known.value.map(model => <option key={model} value={model} />)}
        </datalist>
        <button type="submit" disabled={name.trim() === ''}>
          {words.__('Follow')}
        </button>
      </form>
    </Notice>
  );
}
