import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { type ActionRequest, type Failure, Refused } from './view/situation';
import {
  type Alert,
  type Conflict,
  type Difference,
  type Done,
  type FeatureDetail,
  type Health,
  type Job,
  type Preview,
  type Proposals,
  SCHEMA,
  type State,
  type VersionDrift
} from './view/state';

export type Answer =
  | { kind: 'state'; state: State; etag: string | null }
  | { kind: 'unchanged' }
  | { kind: 'pending'; worker: string }
  | { kind: 'failed'; failure: Failure };

/** Which model, and in which of the server's tracking profiles. */
export interface About {
  model: string;
  profile: string;
}

export interface CellSource {
  id: string;
  source: string;
}

type Query = Record<string, string>;

interface Told {
  status: number;
  body: unknown;
  etag: string | null;
}

const GET = 'GET';
const POST = 'POST';

/** The server half, over HTTP; always by ServerConnection, which knows base URL, token and XSRF. */
export class Server {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  /** Who answers there; null where nobody does. */
  async health(): Promise<Health | null> {
    const told = await this.tell(GET, 'health', {});
    return told.status === 404 ? null : (accepted(told) as Health);
  }

  async state(model: string, profile: string, etag: string | null): Promise<Answer> {
    const headers: HeadersInit = etag === null ? {} : { 'If-None-Match': etag };
    const told = await this.tell(GET, 'state', { model, profile }, undefined, headers);
    if (told.status === 304) {
      return { kind: 'unchanged' };
    }
    if (told.status === 400 || told.status === 503) {
      return { kind: 'failed', failure: readFailure(told) };
    }
    const body = accepted(told);
    return told.status === 202
      ? { kind: 'pending', worker: (body as { worker: string }).worker }
      : readState(body as State, told.etag);
  }

  async models(profile: string): Promise<string[]> {
    return (await this.get<{ models: string[] }>('models', { profile })).models;
  }

  drift(about: About, version: number): Promise<VersionDrift> {
    return this.get<VersionDrift>('drift', { ...about, version: String(version) });
  }

  feature(about: About, version: number, feature: string, window: string): Promise<FeatureDetail> {
    const query = { ...about, version: String(version), feature, window };
    return this.get<FeatureDetail>('feature', query);
  }

  difference(about: About, cells: readonly CellSource[]): Promise<Difference> {
    return this.post<Difference>('difference', { ...about, cells });
  }

  proposals(name: string, notebook: unknown): Promise<Proposals> {
    return this.post<Proposals>('cells', { name, notebook });
  }

  /** What an action would change; `notebook` is the one whose fitted models can be registered. */
  preview(about: About, request: ActionRequest, notebook: string): Promise<Preview> {
    return this.post<Preview>('actions/preview', { ...about, ...request, notebook });
  }

  /** Do it, if the model still stands as the user saw it. */
  async act(
    about: About,
    request: ActionRequest,
    expected: number,
    why: string
  ): Promise<{ kind: 'done'; done: Done } | { kind: 'conflict'; conflict: Conflict }> {
    const told = await this.tell(POST, 'actions', {}, { ...about, ...request, expected, why });
    return told.status === 409
      ? { kind: 'conflict', conflict: told.body as Conflict }
      : { kind: 'done', done: accepted(told) as Done };
  }

  /** Acknowledge or resolve an alert; refused, with how it stands, where somebody else was first. */
  async settle(
    about: About,
    alert: Alert,
    to: 'acknowledge' | 'resolve',
    note: string
  ): Promise<Alert> {
    const { stream, key, state: expected } = alert;
    const body = { ...about, stream, key, do: to, expected, note };
    return (await this.post<{ alert: Alert }>('alerts', body)).alert;
  }

  startJob(job: Record<string, unknown>): Promise<Job> {
    return this.post<Job>('jobs', job);
  }

  async jobs(): Promise<Job[]> {
    return (await this.get<{ jobs: Job[] }>('jobs', {})).jobs;
  }

  async log(job: string): Promise<string> {
    const query = { offset: '0' };
    return (await this.get<{ text: string }>(`jobs/${encodeURIComponent(job)}/log`, query)).text;
  }

  async cancel(job: string): Promise<void> {
    accepted(await this.tell('DELETE', `jobs/${encodeURIComponent(job)}`, {}));
  }

  private async get<Document>(path: string, query: Query): Promise<Document> {
    return accepted(await this.tell(GET, path, query)) as Document;
  }

  private async post<Document>(path: string, body: object): Promise<Document> {
    return accepted(await this.tell(POST, path, {}, body)) as Document;
  }

  private async tell(
    method: string,
    path: string,
    query: Query,
    body?: object,
    headers: HeadersInit = {}
  ): Promise<Told> {
    const url = URLExt.join(this.settings.baseUrl, 'nbship', 'api', path);
    const response = await ServerConnection.makeRequest(
      url + URLExt.objectToQueryString(query),
      { method, headers, body: body === undefined ? undefined : JSON.stringify(body) },
      this.settings
    );
    const told: unknown = await response.json().catch(() => null);
    return { status: response.status, body: told, etag: response.headers.get('ETag') };
  }
}

/** The document, where the server gave one; else its refusal as an error. */
function accepted(told: Told): unknown {
  if (told.status >= 400) {
    throw new Refused(readFailure(told));
  }
  return told.body;
}

function readState(state: State, etag: string | null): Answer {
  if (state.schema !== SCHEMA) {
    return {
      kind: 'failed',
      failure: {
        what: `The worker speaks schema ${state.schema}, this panel schema ${SCHEMA}.`,
        help: 'Install the same version of nbship in both environments and restart the server.'
      }
    };
  }
  return { kind: 'state', state, etag };
}

function readFailure({ status, body }: Told): Failure {
  const error = (body as { error?: Partial<Failure> } | null)?.error;
  return {
    what: error?.what ?? defaultWords(status),
    where: error?.where ?? null,
    help: error?.help ?? null
  };
}

const defaultWords = (status: number): string =>
  status === 403
    ? 'You may not do this on this server.'
    : `The server half of nbship could not answer (status ${status}).`;
