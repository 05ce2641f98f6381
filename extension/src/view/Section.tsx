import { type ReactNode, useId, useState } from 'react';

import { Chevron } from './Icon';

interface Props {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}

/** A part of the panel under a heading that folds. */
export function Section({ title, aside, children }: Props) {
  const [open, setOpen] = useState(true);
  const id = useId();
  return (
    <section className="jp-nbship-section" aria-labelledby={`${id}-title`}>
      <h2 className="jp-nbship-section-title">
        <button
          type="button"
          id={`${id}-title`}
          aria-expanded={open}
          aria-controls={`${id}-body`}
          onClick={() => setOpen(!open)}
        >
          <Chevron />
          {title}
        </button>
        {aside !== undefined && <span className="jp-nbship-section-aside">{aside}</span>}
      </h2>
      <div id={`${id}-body`} hidden={!open}>
        {children}
      </div>
    </section>
  );
}
