import { isStepName, markLabel, markOf, saidBySource, withMark } from '../src/steps/tags';

test.each([
  [['step:load'], 'step:load'],
  [['mine', 'step:features.add'], 'step:features.add'],
  [['skip'], 'skip'],
  [['parameters', 'x'], 'parameters'],
  [['mine'], ''],
  [undefined, ''],
  ['step:load', ''],
  [[7, null, { a: 1 }], '']
])('tags %j mean %p', (tags, mark) => expect(markOf(tags)).toBe(mark));

test('a new mark takes the place of the old one, and the user’s own tags stay', () => {
  expect(withMark(['a', 'step:load', 'b'], 'step:train')).toEqual(['a', 'b', 'step:train']);
  expect(withMark(['a', 'skip'], '')).toEqual(['a']);
  expect(withMark(null, 'skip')).toEqual(['skip']);
});

test.each([
  ['load', true],
  ['features.add_features', true],
  ['_x1', true],
  ['', false],
  ['1st', false],
  ['a b', false],
  ['a.b.c', false],
  ['schön', false],
  ['x'.repeat(65), false]
])('%p can be a step: %p', (name, can) => expect(isStepName(name)).toBe(can));

test.each([
  ['%%ship train\nmodel.fit(x, y)', 'train'],
  ['  %%ship features.add', 'features.add'],
  ['%%ship\nx', null],
  ['%ship run', null],
  ['x = 1\n%%ship train', null]
])('the source %j says %p', (source, step) => expect(saidBySource(source)).toBe(step));

test('a badge reads as the step’s name', () => {
  expect(['step:load', 'skip', ''].map(markLabel)).toEqual(['load', 'skip', '']);
});
