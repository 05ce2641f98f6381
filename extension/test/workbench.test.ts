import { Signal } from '@lumino/signaling';

import { Refused } from '../src/view/situation';
import type { Kernel, Notebook } from '../src/view/situation';
import type { Difference, Health, Job, Proposals } from '../src/view/state';
import { WorkbenchModel } from '../src/workbench';
import { contract } from './examples';

const NOTEBOOK: Notebook = {
  name: 'churn.ipynb',
  path: 'work/churn.ipynb',
  model: 'churn',
  profile: 'default'
};
const RUNNING = contract<Job>('job-running.json');
const HEALTH: Health = {
  version: '0.1.0',
  schema: 2,
  worker: 'ready',
  permissions: { read: true, write: true, execute: false },
  profiles: ['default'],
  events: 'urn:nbship:lab:v1'
};

class FakeNotebook {
  current: Notebook | null = NOTEBOOK;
  trusted = true;
  kernel: Kernel = 'idle';
  source = 'x = 1';
  readonly changed = new Signal<unknown, void>(this);
  readonly contentChanged = new Signal<unknown, void>(this);
  readonly conditionChanged = new Signal<unknown, void>(this);

  toDocument(): object {
    const cells = [
      { id: 'a', cell_type: 'code', source: this.source },
      { id: 'b', cell_type: 'markdown', source: '# words' }
    ];
    return { cells };
  }

  type(source: string): void {
    this.source = source;
    this.contentChanged.emit();
  }
}

function start({
  refuse = false,
  health = HEALTH
}: { refuse?: boolean; health?: Health | null } = {}) {
  const notebook = new FakeNotebook();
  const registry = { health, changed: new Signal<unknown, void>({}) };
  const posted: unknown[] = [];
  const compared: unknown[] = [];
  const jobs = { now: [] as Job[] };
  const server = {
    proposals: (_: string, document: unknown) => {
      posted.push(document);
      return refuse
        ? Promise.reject(
            new Refused({ what: 'no converter', help: 'pip install "nbship[convert]"' })
          )
        : Promise.resolve(contract<Proposals>('proposals.json'));
    },
    difference: (_: unknown, cells: unknown) => {
      compared.push(cells);
      return Promise.resolve(contract<Difference>('difference.json'));
    },
    jobs: () => Promise.resolve(jobs.now)
  };
  const workbench = new WorkbenchModel(notebook, registry, server, 5);
  return { workbench, notebook, registry, posted, compared, jobs };
}

const pause = (ms = 60): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

test('many keystrokes are one look at the cells, after a pause', async () => {
  const { workbench, notebook, posted, compared } = start();
  workbench.visible = true;
  for (let count = 0; count < 100; count++) {
    notebook.type(`x = ${count}`);
  }
  expect(posted).toEqual([]);
  await pause();
  expect(posted).toHaveLength(1);
  expect(compared).toEqual([[{ id: 'a', source: 'x = 99' }]]);
  expect(workbench.value?.proposals.kind).toBe('known');
  expect(workbench.value?.difference?.same).toBe(7);
  workbench.dispose();
});

test('what did not change is not asked again', async () => {
  const { workbench, notebook, posted } = start();
  workbench.visible = true;
  await pause();
  notebook.type('x = 1');
  await pause();
  expect(posted).toHaveLength(1);
  workbench.dispose();
});

test('a hidden panel asks nothing, however much is typed', async () => {
  const { workbench, notebook, posted } = start();
  notebook.type('y = 2');
  await pause();
  expect(posted).toEqual([]);
  workbench.dispose();
});

test('a server that cannot propose says why, and is asked again at the next change', async () => {
  const { workbench, notebook, posted } = start({ refuse: true });
  workbench.visible = true;
  await pause();
  expect(workbench.value?.proposals).toEqual({
    kind: 'failed',
    failure: { what: 'no converter', help: 'pip install "nbship[convert]"' }
  });
  notebook.type('x = 1');
  await pause();
  expect(posted).toHaveLength(2);
  workbench.dispose();
});

test('only this notebook’s jobs are its own', async () => {
  const { workbench, jobs } = start();
  const mine = { ...RUNNING, path: NOTEBOOK.path };
  const other = { ...RUNNING, id: 'other', path: 'else.ipynb' };
  const retrain: Job = { ...RUNNING, id: 'again', kind: 'retrain', path: null, model: 'churn' };
  jobs.now = [mine, other, retrain];
  workbench.visible = true;
  await pause();
  expect(workbench.value?.jobs.map(job => job.id)).toEqual([mine.id, 'again']);
  workbench.dispose();
});

test('a job that the server of today does not know was lost', async () => {
  const { workbench, jobs } = start();
  jobs.now = [RUNNING];
  workbench.visible = true;
  await pause();
  jobs.now = [];
  workbench.refreshJobs();
  await pause();
  expect(workbench.value?.lost).toBe(RUNNING.id);
  workbench.dispose();
});

test('what the user may do comes from the server, and nothing before it answered', () => {
  expect(start().workbench.value?.may).toEqual({ read: true, write: true, execute: false });
  expect(start({ health: null }).workbench.value).toBeNull();
});

test('another notebook begins with nothing known', async () => {
  const { workbench, notebook } = start();
  workbench.visible = true;
  await pause();
  notebook.current = { ...NOTEBOOK, path: 'other.ipynb', name: 'other.ipynb' };
  notebook.changed.emit();
  expect(workbench.value?.proposals.kind).toBe('loading');
  expect(workbench.value?.difference).toBeNull();
  workbench.dispose();
});
