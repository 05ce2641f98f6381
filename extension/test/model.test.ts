import { Signal } from '@lumino/signaling';

import { SidebarModel } from '../src/model';
import type { Answer } from '../src/server';
import type { Notebook } from '../src/view/situation';
import type { Health } from '../src/view/state';
import { example } from './examples';

const STATE = example('state.json');
const HEALTH: Health = {
  version: '0.1.0',
  schema: 2,
  worker: 'ready',
  permissions: { read: true, write: true, execute: true },
  profiles: ['default'],
  events: 'urn:nbship:lab:v1'
};
const BIKES: Notebook = {
  name: 'bikes.ipynb',
  path: 'bikes.ipynb',
  model: 'bikeshare',
  profile: 'default'
};

class FakeNotebook {
  current: Notebook | null = BIKES;
  readonly changed = new Signal<unknown, void>(this);

  open(notebook: Notebook | null): void {
    this.current = notebook;
    this.changed.emit();
  }
}

function start(answers: (Answer | Error)[], health: Health | null = HEALTH) {
  const notebook = new FakeNotebook();
  const asked: (string | null)[][] = [];
  const server = {
    health: () => Promise.resolve(health),
    state: (model: string, profile: string, etag: string | null): Promise<Answer> => {
      asked.push([model, profile, etag]);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as Answer);
    }
  };
  const model = new SidebarModel(notebook, server);
  return { model, notebook, asked };
}

const known: Answer = { kind: 'state', state: STATE, etag: '"1"' };

async function until(reached: () => boolean): Promise<void> {
  for (let tries = 0; !reached() && tries < 200; tries++) {
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  expect(reached()).toBe(true);
}

test('nothing is asked before the panel is seen', async () => {
  const { model, asked } = start([known]);
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(asked).toEqual([]);
  model.visible = true;
  await until(() => model.situation.kind === 'ready');
  expect(asked).toEqual([['bikeshare', 'default', null]]);
  model.dispose();
});

test('while the worker starts it is asked again until it answers', async () => {
  const { model, asked } = start([{ kind: 'pending', worker: 'starting' }, known]);
  const seen: string[] = [];
  model.changed.connect(({ situation }) => seen.push(situation.kind));
  model.visible = true;
  await until(() => model.situation.kind === 'ready');
  expect(asked).toHaveLength(2);
  expect([...new Set(seen)]).toEqual(['starting', 'ready']);
  model.dispose();
});

test('an unchanged state is as fresh as a new one', async () => {
  const { model, asked } = start([known, { kind: 'unchanged' }]);
  model.visible = true;
  await until(() => model.situation.kind === 'ready');
  model.refresh();
  const { situation } = model;
  await until(() => asked.length === 2 && model.situation !== situation);
  expect(asked[1]).toEqual(['bikeshare', 'default', '"1"']);
  const fresh = model.situation.kind === 'ready' ? model.situation.state.store.as_of : '';
  expect(Date.now() - new Date(fresh).getTime()).toBeLessThan(5000);
  model.dispose();
});

test('a failure keeps what was known, and a lost server does too', async () => {
  const failure = { what: 'locked', help: 'wait' };
  const { model } = start([known, { kind: 'failed', failure }, new Error('network')]);
  model.visible = true;
  await until(() => model.situation.kind === 'ready');
  for (const what of ['locked', 'network']) {
    model.refresh();
    await until(
      () => model.situation.kind === 'ready' && model.situation.state.store.message === what
    );
  }
  expect(model.situation.kind === 'ready' && model.situation.state.versions).toEqual(
    STATE.versions
  );
  model.dispose();
});

test('a first failure is told with its remedy', async () => {
  const failure = { what: 'locked', help: 'wait' };
  const { model } = start([{ kind: 'failed', failure }]);
  model.visible = true;
  await until(() => model.situation.kind === 'failed');
  expect(model.situation).toEqual({ kind: 'failed', notebook: BIKES, failure });
  model.dispose();
});

test('the panel follows the notebook, and knows the way back', async () => {
  const { model, notebook, asked } = start([known]);
  model.visible = true;
  await until(() => model.situation.kind === 'ready');
  notebook.open({ ...BIKES, name: 'plain.ipynb', model: null });
  expect(model.situation.kind).toBe('no-model');
  notebook.open(null);
  expect(model.situation.kind).toBe('no-notebook');
  notebook.open(BIKES);
  expect(model.situation.kind).toBe('ready');
  await until(() => asked.length === 2);
  model.dispose();
});

test('halves that differ or are missing are told apart', async () => {
  const missing = start([known], null);
  missing.model.visible = true;
  await until(() => missing.model.situation.kind === 'server-missing');
  const other = start([known], { ...HEALTH, version: '0.2.0' });
  other.model.visible = true;
  await until(() => other.model.situation.kind === 'other-version');
  expect(other.asked).toEqual([]);
  missing.model.dispose();
  other.model.dispose();
});
