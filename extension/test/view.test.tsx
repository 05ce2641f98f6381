import { act } from 'react';

import type { Situation } from '../src/view/situation';
import { example, names } from './examples';
import { click, renderPanel, renderState } from './render';

const NOTEBOOK = { name: 'churn.ipynb', path: 'churn.ipynb', model: 'churn', profile: 'default' };

test.each(names)('%s is shown whole', name => {
  const state = example(name);
  const panel = renderState(state);
  panel
    .querySelectorAll<HTMLElement>('.jp-nbship-version-head[aria-expanded=false]')
    .forEach(head => act(() => head.click()));
  const text = panel.textContent;
  expect(text).toContain(state.model);
  for (const version of state.versions) {
    expect(text).toContain(`v${version.version}`);
    version.aliases.forEach(alias => expect(text).toContain(`@${alias}`));
    version.datasets.forEach(data => expect(text).toContain(data.name.split('/').pop()));
  }
});

test('features stand worst first, and what is within limits is folded', () => {
  const panel = renderState(example('state-drifting.json'));
  const rows = [...panel.querySelectorAll('.jp-nbship-feature-head')];
  expect(rows.map(row => row.querySelector('.jp-nbship-feature-name')?.textContent)).toEqual([
    'income',
    'country',
    'days_since_last_login_on_any_device',
    'plan',
    'zip'
  ]);
  expect(panel.textContent).toContain('3 of 9 features drift');
  expect(panel.textContent).not.toContain('tenure');
  click(panel, /^Show all: Within limits/);
  expect(panel.textContent).toContain('tenure');
});

test('a limit has as many digits as say something', () => {
  const state = example('state-drifting.json');
  const [feature] = state.drift.flatMap(drift => drift.features);
  Object.assign(feature ?? {}, { thresholds: [0.1, 0.2, 0.27767760950123] });
  expect(renderState(state).textContent).toContain('limit 0.278');
});

test('a severity is an icon and a word', () => {
  const panel = renderState(example('state-drifting.json'));
  for (const group of panel.querySelectorAll('.jp-nbship-group')) {
    expect(group.querySelector('h3 > svg.jp-nbship-icon')).not.toBeNull();
    const word = /^(Critical|Warning|Slight|Too few rows|Within limits) /.exec(
      group.querySelector('h3')?.textContent ?? ''
    )?.[1];
    expect(word).toBeDefined();
    for (const row of group.querySelectorAll('.jp-nbship-feature-head')) {
      expect(row.textContent).toMatch(new RegExp(`^${word}: `));
    }
  }
});

test('too few rows are no verdict', () => {
  const panel = renderState(example('state-drifting.json'));
  click(panel, /zip/);
  expect(panel.textContent).toContain('38 rows with a value are too few to judge');
});

test('an earlier window shows its own values', () => {
  const panel = renderState(example('state-drifting.json'));
  expect(panel.textContent).toContain('5,033 rows against 20,480');
  click(panel, /April$/);
  expect(panel.textContent).toContain('5,120 rows against 20,480');
  expect(panel.textContent).toContain('0 of 9 features drift');
});

test('another version’s drift can be chosen', () => {
  const panel = renderState(example('state-drifting.json'));
  const select = panel.querySelector('select');
  expect(select?.value).toBe('2'); // the champion's, though version 3 is newer
  act(() => {
    if (select !== null) {
      select.value = '1';
      select.dispatchEvent(new Event('change', { bubbles: true }));
    }
  });
  expect(panel.textContent).toContain('31 rows against 18,000');
});

test('no drift yet names the command that makes it', () => {
  expect(renderState(example('state-new.json')).textContent).toContain(
    'nbship drift bikeshare --current FILE --window NAME'
  );
});

test('a store that is away leaves what was known, with its age', () => {
  const panel = renderState(example('state-away.json'));
  expect(panel.querySelector('[role=status]')?.textContent).toMatch(
    /Registry away.*Last known state: 3 hr?\.? ago.*connection refused/
  );
  expect(panel.textContent).toContain('@champion');
});

test('a store that is away, with nothing known, claims nothing', () => {
  const state = { ...example('state-away.json'), versions: [], drift: [] };
  const text = renderState(state).textContent;
  expect(text).toContain('Nothing is known yet');
  expect(text).not.toContain('Nothing is registered');
});

test('a model without versions says how to register one', () => {
  const state = { ...example('state.json'), versions: [], drift: [] };
  expect(renderState(state).textContent).toContain('%ship register VARIABLE --name bikeshare');
});

test('names are text, never markup', () => {
  const state = example('state.json');
  const evil = '<img src=x onerror=alert(1)>';
  const drift = state.drift.map(each => ({
    ...each,
    features: each.features.map(feature => ({ ...feature, feature: evil, reason: evil }))
  }));
  const versions = state.versions.map(each => ({ ...each, created_by: evil, aliases: [evil] }));
  const panel = renderState({ ...state, model: evil, versions, drift });
  expect(panel.querySelector('img')).toBeNull();
  expect(panel.textContent).toContain(evil);
});

test('five hundred versions and two thousand features stay a short list', () => {
  const state = example('state-drifting.json');
  const [version] = state.versions;
  const [drift] = state.drift;
  const [feature] = drift?.features ?? [];
  if (version === undefined || drift === undefined || feature === undefined) {
    throw new Error('the example is empty');
  }
  const many = {
    ...drift,
    features: [...Array(2000).keys()].map(i => ({ ...feature, feature: `f${i}` }))
  };
  const versions = [...Array(500).keys()].map(i => ({
    ...version,
    version: i + 1,
    aliases: i === 1 ? ['champion'] : []
  }));
  const panel = renderState({ ...state, versions, drift: [many] });
  expect(panel.querySelectorAll('.jp-nbship-feature')).toHaveLength(20);
  expect(panel.querySelectorAll('.jp-nbship-version')).toHaveLength(6);
  expect(panel.textContent).toContain('@champion');
});

const OTHERS: [Situation, RegExp][] = [
  [{ kind: 'no-notebook' }, /No notebook is open/],
  [{ kind: 'starting', notebook: NOTEBOOK, worker: 'starting' }, /Starting the nbship worker/],
  [{ kind: 'starting', notebook: NOTEBOOK, worker: 'ready' }, /Reading the registry/],
  [{ kind: 'server-missing' }, /pip install "nbship\[lab\]"/],
  [
    { kind: 'other-version', here: '0.1.0', there: '0.2.0' },
    /This page runs 0.1.0, the Jupyter server 0.2.0/
  ],
  [
    {
      kind: 'failed',
      notebook: NOTEBOOK,
      failure: { what: 'locked', where: 'mlflow.db', help: 'wait' }
    },
    /mlflow.db: locked.*wait/
  ]
];

test.each(OTHERS)('%j has its own words', (situation, words) => {
  expect(renderPanel(situation).textContent).toMatch(words);
});

test('a notebook without a model takes a name', () => {
  const setModel = jest.fn();
  const panel = renderPanel(
    { kind: 'no-model', notebook: { ...NOTEBOOK, model: null } },
    { setModel }
  );
  const input = panel.querySelector('input');
  act(() => {
    // React listens to the native setter, so that is what a test must use.
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set;
    set?.call(input, ' churn ');
    input?.dispatchEvent(new Event('input', { bubbles: true }));
  });
  click(panel, 'Follow');
  expect(setModel).toHaveBeenCalledWith('churn');
});

test('sections fold', () => {
  const panel = renderState(example('state.json'));
  click(panel, 'Registry');
  const title = panel.querySelector('section button');
  expect(title?.getAttribute('aria-expanded')).toBe('false');
  const body = document.getElementById(title?.getAttribute('aria-controls') ?? '');
  expect(body?.hidden).toBe(true);
});
