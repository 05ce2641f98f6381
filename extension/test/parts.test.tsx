import { act } from 'react';

import { statusText } from '../src/plugins/words';
import { ActionSheet } from '../src/view/ActionSheet';
import { Lineage } from '../src/view/Lineage';
import { isWebAddress } from '../src/view/Procedure';
import { Proof } from '../src/view/Proof';
import { beyond, ranked } from '../src/view/ranking';
import { Refused } from '../src/view/situation';
import type { Conflict, Difference, Job, Preview, VersionDrift } from '../src/view/state';
import { glance } from '../src/view/summary';
import { english } from '../src/view/words';
import { contract, example, NOW } from './examples';
import { click, render } from './render';

const STATE = example('state-drifting.json');

test('a glance says who answers, what is on trial, what drifts and what alarms', () => {
  expect(glance(STATE)).toEqual({
    champion: 2,
    challenger: 3,
    mode: 'canary',
    share: 0.1,
    drifting: 3,
    severity: 'critical',
    alerts: 2
  });
});

test('without an assignment of our own the aliases hold', () => {
  const { champion, challenger, mode } = glance({ ...STATE, assignment: null });
  expect([champion, challenger, mode]).toEqual([2, 3, 'off']);
});

test('the status bar says it in a line', () => {
  const ready = { kind: 'ready' as const, notebook: null, state: STATE };
  expect(statusText(ready, english)).toBe(' v2 @champion, 3 drifting, 2 alerts');
  const store = { ...STATE.store, reachable: false };
  const away = { ...ready, state: { ...STATE, store, drift: [], alerts: [] } };
  expect(statusText(away, english)).toBe(' v2 @champion, registry away');
});

test.each([
  ['https://runbooks.example/churn', true],
  ['http://localhost/x', true],
  ['javascript:alert(1)', false],
  ['file:///etc/passwd', false],
  ['look it up', false]
])('%p opens as a page: %p', (text, opens) => expect(isWebAddress(text)).toBe(opens));

const lineage = (difference: Partial<Difference>): string => {
  const [version] = STATE.versions;
  if (version === undefined) {
    throw new Error('the example is empty');
  }
  const whole = { ...contract<Difference>('difference.json'), ...difference };
  const place = render(<Lineage version={version} difference={whole} jump={undefined} now={NOW} />);
  return place.textContent;
};

test.each<[Partial<Difference>, RegExp]>([
  [{ changed: ['a'], added: [], removed: [] }, /differs from v2 by 1 cell 1 changed/],
  [{ changed: ['a'], added: ['b'], removed: ['c'] }, /by 3 cells 1 changed, 1 added, 1 removed/],
  [{ changed: [], added: [], removed: [] }, /This notebook is as v2 was made/],
  [{ note: 'Version 2 has no cell hashes' }, /Version 2 has no cell hashes/]
])('the difference %j is told', (difference, words) => {
  expect(lineage(difference)).toMatch(words);
});

test('the proof counts the names of each verdict, and shows the worst first', () => {
  const { result } = contract<Job>('job-done.json');
  if (result === null) {
    throw new Error('the example has no result');
  }
  const names = { a: 'equal', b: 'missing', c: 'equal', d: 'close' };
  const verification = { status: 'different' as const, names };
  const place = render(<Proof result={{ ...result, verification }} jump={undefined} />);
  expect(place.textContent).toContain('Different: some results are not the notebook’s');
  expect(place.textContent).toContain('2 equal, 1 missing, 1 close');
  click(place, 'Name by name');
  expect([...place.querySelectorAll('tbody th')].map(name => name.textContent)).toEqual([
    'b',
    'd',
    'a',
    'c'
  ]);
});

test('the number of features is the true one, though only the worst are there', () => {
  const [drift] = STATE.drift as [VersionDrift];
  const counts = { critical: 1200, warning: 300, info: 0, none: 500, too_few: 0 };
  expect(beyond({ ...drift, counts }, 'Oct')).toEqual([1500, 2000]);
  expect(ranked(drift, 'Oct', 'COUNT').flatMap(group => group.rows)).toHaveLength(1);
});

test('who comes second sees what stands, looks again, and nothing was done', async () => {
  const perform = jest.fn(() =>
    Promise.resolve({ kind: 'conflict' as const, conflict: contract<Conflict>('conflict.json') })
  );
  const preview = jest.fn(() => Promise.resolve(contract<Preview>('preview.json')));
  const onDone = jest.fn();
  const place = render(
    <ActionSheet
      request={{ action: 'promote', version: 3 }}
      actions={{ preview, act: perform }}
      barred={null}
      onClose={jest.fn()}
      onDone={onDone}
    />
  );
  await act(() => Promise.resolve());
  await act(async () => {
    place.querySelector('form')?.requestSubmit();
    await Promise.resolve();
  });
  expect(perform).toHaveBeenCalledWith(expect.objectContaining({ action: 'promote' }), 4, '');
  expect(place.textContent).toContain('Nothing was done: it has changed since you looked.');
  expect(onDone).not.toHaveBeenCalled();
  click(place, 'Look again');
  await act(() => Promise.resolve());
  expect(preview).toHaveBeenCalledTimes(2);
});

test('a preview that cannot be had says why and does nothing', async () => {
  const refused = new Refused({ what: 'locked', help: 'wait' });
  const place = render(
    <ActionSheet
      request={{ action: 'rollback' }}
      actions={{ preview: () => Promise.reject(refused) }}
      barred={null}
      onClose={jest.fn()}
      onDone={jest.fn()}
    />
  );
  await act(() => Promise.resolve());
  expect(place.textContent).toMatch(/locked.*wait/);
  expect(place.querySelector('form')).toBeNull();
});
