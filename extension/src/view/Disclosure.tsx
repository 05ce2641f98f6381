import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react';

interface Props {
  open: boolean;
  setOpen: (open: boolean) => void;
  className: string;
  /** What the button shows. */
  head: ReactNode;
  children: ReactNode;
}

/** A button and what it opens; Escape closes it and gives the focus back to the button. */
export function Disclosure({ open, setOpen, className, head, children }: Props) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && open) {
      event.stopPropagation();
      setOpen(false);
      button.current?.focus();
    }
  };
  return (
    <div onKeyDown={onKey}>
      <button
        ref={button}
        type="button"
        className={className}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        {head}
      </button>
      <div id={id} hidden={!open}>
        {open && children}
      </div>
    </div>
  );
}
