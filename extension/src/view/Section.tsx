import { type ReactNode, useId } from 'react';

import { Boundary } from './Boundary';
import { Chevron } from './Icon';
import { useOpen } from './sections';

interface Props {
  /** What it is remembered by, in every language. */
  name: string;
  title: string;
  aside?: ReactNode;
  first?: boolean;
  children: ReactNode;
}

/** A part of the panel under a heading that folds. */
export function Section({ name, title, aside, first = true, children }: Props) {
  const [open, setOpen] = useOpen(name, first);
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
        {open && <Boundary title={title}>{children}</Boundary>}
      </div>
    </section>
  );
}
