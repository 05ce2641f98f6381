import { createContext, useContext, useState } from 'react';

/** Which sections are open, kept by whoever shows the panel. */
export interface Sections {
  isOpen: (name: string) => boolean | undefined;
  toggle: (name: string, open: boolean) => void;
}

export const SectionsContext = createContext<Sections | null>(null);

/** Whether a section is open, and how to change it; remembered where somebody remembers. */
export function useOpen(name: string, first: boolean): [boolean, (open: boolean) => void] {
  const kept = useContext(SectionsContext);
  const [open, setOpen] = useState(kept?.isOpen(name) ?? first);
  return [
    open,
    to => {
      setOpen(to);
      kept?.toggle(name, to);
    }
  ];
}
