import type { State } from './state';

/** What happened, where, and what to do about it: the shape of every nbship error. */
export interface Failure {
  what: string;
  where?: string | null;
  help?: string | null;
}

/** The notebook in front, as far as the panel cares. */
export interface Notebook {
  name: string;
  model: string | null;
  profile: string;
}

/** Everything the panel can be in; each has its own design and its own next step. */
export type Situation =
  | { kind: 'no-notebook' }
  | { kind: 'no-model'; notebook: Notebook }
  | { kind: 'starting'; notebook: Notebook; worker: string }
  | { kind: 'server-missing' }
  | { kind: 'other-version'; here: string; there: string }
  | { kind: 'failed'; notebook: Notebook; failure: Failure }
  | { kind: 'ready'; notebook: Notebook | null; state: State };

/** What a user can do from the panel; where there is no transport for it, it is not offered. */
export interface Actions {
  refresh?: () => void;
  setModel?: (model: string) => void;
}
