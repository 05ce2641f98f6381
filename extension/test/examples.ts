import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { State } from '../src/view/state';

const FOLDER = join(__dirname, '..', '..', 'tests', 'contract');

/** The payload examples that the Python side checks too. */
export const names = readdirSync(FOLDER).filter(name => /^state.*\.json$/.test(name));

/** A document of the contract, whichever it is. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- which document a name holds
export const contract = <Document>(name: string): Document =>
  JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Document;

export const example = (name: string): State => contract<State>(name);

export const NOW = new Date('2026-11-22T21:00:40Z');
