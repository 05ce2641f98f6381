/** What a cell is for, as its tags say it: `step:NAME`, `step:MODULE.FUNCTION`, `skip`, `parameters`. */

/** A tag of ours, or the empty string where a cell has none. */
export type Mark = string;

/** The modules that an export knows by name: what is offered before the notebook has steps of its own. */
export const MODULES = ['data', 'features', 'train', 'evaluate', 'predict'] as const;

export const SKIP = 'skip';
export const PARAMETERS = 'parameters';

const PREFIX = 'step:';
const NAME = /^[A-Za-z_]\w{0,63}(\.[A-Za-z_]\w{0,63})?$/;
const MAGIC = /^\s*%%ship[ \t]+([A-Za-z_][\w.]*)/;

export const stepMark = (name: string): Mark => `${PREFIX}${name}`;

/** The step's name, or null where the mark is no step. */
export const stepName = (mark: Mark): string | null =>
  mark.startsWith(PREFIX) ? mark.slice(PREFIX.length) : null;

/** How a mark reads on a badge. */
export const markLabel = (mark: Mark): string => stepName(mark) ?? mark;

/** Whether a name can be a step's: a Python name, or two of them with a dot between. */
export const isStepName = (name: string): boolean => NAME.test(name);

const isMark = (tag: string): boolean =>
  tag === SKIP || tag === PARAMETERS || stepName(tag) !== null;

const textsOf = (tags: unknown): string[] =>
  Array.isArray(tags) ? tags.filter(tag => typeof tag === 'string') : [];

/** The first of our tags; whatever a notebook holds under `tags` is no reason to fail. */
export const markOf = (tags: unknown): Mark => textsOf(tags).find(isMark) ?? '';

/** The tags with this mark in place of any other of ours; the user's own tags keep their order. */
export function withMark(tags: unknown, mark: Mark): string[] {
  const others = textsOf(tags).filter(tag => !isMark(tag));
  return mark === '' ? others : [...others, mark];
}

/** The step that a cell's first line names with `%%ship NAME`: it needs no tag. */
export const saidBySource = (source: string): string | null => MAGIC.exec(source)?.[1] ?? null;
