import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readNotebook } from '../src/metadata';
import { pythonVersion, VERSION } from '../src/version';
import { ago, score, short } from '../src/view/format';
import { english } from '../src/view/words';
import { NOW } from './examples';

test('the version is package.json’s', () => {
  const manifest = readFileSync(join(__dirname, '..', 'package.json'), 'utf8');
  expect((JSON.parse(manifest) as { version: string }).version).toBe(VERSION);
});

test.each([
  ['1.2.3', '1.2.3'],
  ['1.0.0-rc.1', '1.0.0rc1'],
  ['1.0.0-alpha.12', '1.0.0a12']
])('%s is %s in Python', (npm, python) => expect(pythonVersion(npm)).toBe(python));

test.each([
  [null, '–'],
  [0, '0.00'],
  [0.0003, '< 0.01'],
  [0.25, '0.25'],
  [8.514, '8.51'],
  [1234.5, '1235']
])('a score of %p reads %s', (value, text) => expect(score(value)).toBe(text));

test.each([
  ['b3:5f1c0de4', 'b3:5f1c0de4'],
  ['b3:5f1c0de4aabb', 'b3:5f1c0de4'],
  ['0c1d5a52f1e94a6c', '0c1d5a52'],
  ['abc', 'abc']
])('%s is %s in short', (id, text) => expect(short(id)).toBe(text));

test.each([
  ['2026-11-22T21:00:35Z', 'now'],
  ['2026-11-22T21:00:10Z', '30 sec. ago'],
  ['2026-11-22T20:00:00Z', '1 hr. ago'],
  ['2026-11-22T21:05:00Z', 'now']
])('%s is %s', (then, text) => expect(ago(then, NOW)).toBe(text));

test('values stand where the sentence wants them', () => {
  expect(english.__('%2 of %1', 1, 'a')).toBe('a of 1');
});

test.each([
  [undefined, null, 'default'],
  [{}, null, 'default'],
  [{ model: 7, profile: ['x'] }, null, 'default'],
  [{ model: ' ' }, null, 'default'],
  [{ model: 'churn', profile: 'team' }, 'churn', 'team'],
  ['churn', null, 'default']
])('metadata %j names the model %p', (metadata, model, profile) => {
  expect(readNotebook('work/a.ipynb', metadata)).toEqual({
    name: 'a.ipynb',
    path: 'work/a.ipynb',
    model,
    profile
  });
});
