import type { Notebook } from './view/situation';

const LONGEST = 128;

/** What `metadata.nbship` says; a notebook comes from anywhere, so only plain names are taken from it. */
export function readNotebook(path: string, metadata: unknown): Notebook {
  const said = (metadata ?? {}) as Record<string, unknown>;
  return {
    name: path.split('/').pop() ?? path,
    path,
    model: text(said['model']),
    profile: text(said['profile']) ?? 'default'
  };
}

const text = (value: unknown): string | null =>
  typeof value === 'string' && value.trim() !== '' ? value.slice(0, LONGEST) : null;
