import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Failure } from './view/situation';
import { SCHEMA, type State } from './view/state';

export interface Health {
  version: string;
  schema: number;
  worker: string;
}

export type Answer =
  | { kind: 'state'; state: State; etag: string | null }
  | { kind: 'unchanged' }
  | { kind: 'pending'; worker: string }
  | { kind: 'failed'; failure: Failure };

/** The server half, over HTTP; always by ServerConnection, which knows base URL, token and XSRF. */
export class Server {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  /** Who answers there; null where nobody does. */
  async health(): Promise<Health | null> {
    const response = await this.get('health', {});
    return response.status === 404 ? null : ((await checked(response)) as Health);
  }

  async state(model: string, profile: string, etag: string | null): Promise<Answer> {
    const headers: HeadersInit = etag === null ? {} : { 'If-None-Match': etag };
    const response = await this.get('state', { model, profile }, headers);
    if (response.status === 304) {
      return { kind: 'unchanged' };
    }
    if (response.status === 400 || response.status === 503) {
      const told: unknown = await response.json().catch(() => null);
      return { kind: 'failed', failure: readFailure(told) };
    }
    const body = await checked(response);
    if (response.status === 202) {
      return { kind: 'pending', worker: (body as { worker: string }).worker };
    }
    const state = body as State;
    if (state.schema !== SCHEMA) {
      return {
        kind: 'failed',
        failure: {
          what: `The worker speaks schema ${state.schema}, this panel schema ${SCHEMA}.`,
          help: 'Install the same version of nbship in both environments and restart the server.'
        }
      };
    }
    return { kind: 'state', state, etag: response.headers.get('ETag') };
  }

  private get(
    path: string,
    query: Record<string, string>,
    headers: HeadersInit = {}
  ): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'nbship', 'api', path);
    return ServerConnection.makeRequest(
      url + URLExt.objectToQueryString(query),
      { headers },
      this.settings
    );
  }
}

async function checked(response: Response): Promise<unknown> {
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return response.json();
}

function readFailure(told: unknown): Failure {
  const error = (told as { error?: Partial<Failure> } | null)?.error;
  return {
    what: error?.what ?? 'The server half of nbship could not answer.',
    where: error?.where ?? null,
    help: error?.help ?? null
  };
}
