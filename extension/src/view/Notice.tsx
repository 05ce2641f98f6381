import type { ReactNode } from 'react';

interface Props {
  title: string;
  children?: ReactNode;
  busy?: boolean;
}

/** A designed state that has nothing to list: what it is, and the next step. */
export function Notice({ title, children, busy = false }: Props) {
  return (
    <div className="jp-nbship-notice" aria-busy={busy}>
      {busy && <span className="jp-nbship-spinner" aria-hidden="true" />}
      <h2>{title}</h2>
      {children}
    </div>
  );
}
