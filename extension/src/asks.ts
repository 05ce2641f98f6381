import { type Actions, type Failure, Refused } from './view/situation';
import type { FeatureDetail, VersionDrift } from './view/state';

/** The part of an anywidget's model that asking needs. */
export interface Channel {
  send(content: unknown): void;
  on(event: 'msg:custom', listener: (content: unknown) => void): void;
  off(event: 'msg:custom', listener: (content: unknown) => void): void;
}

interface Reply {
  id: number;
  ok: boolean;
  result?: unknown;
  error?: Failure;
}

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/** Questions to the kernel and their answers, joined by number; a busy kernel answers when it is done. */
export class Asks {
  constructor(private readonly channel: Channel) {
    channel.on('msg:custom', this.hear);
  }

  /** What the view can ask, of what the kernel says it answers. */
  actions(answered: readonly string[]): Actions {
    return {
      ...(answered.includes('feature') && {
        feature: query => this.ask('feature', { ...query }) as Promise<FeatureDetail>
      }),
      ...(answered.includes('drift') && {
        drift: version => this.ask('drift', { version }) as Promise<VersionDrift>
      })
    };
  }

  dispose(): void {
    this.channel.off('msg:custom', this.hear);
    const gone = new Refused({ what: 'The cell was cleared before the kernel answered.' });
    this.waiting.forEach(({ reject }) => reject(gone));
    this.waiting.clear();
  }

  private ask(about: string, query: Record<string, unknown>): Promise<unknown> {
    this.last += 1;
    const id = this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.channel.send({ ask: about, id, ...query });
    });
  }

  private readonly hear = (content: unknown): void => {
    const reply = content as Reply | null;
    const waiting = this.waiting.get(reply?.id ?? -1);
    if (reply === null || waiting === undefined) {
      return;
    }
    this.waiting.delete(reply.id);
    if (reply.ok) {
      waiting.resolve(reply.result);
    } else {
      waiting.reject(new Refused(reply.error ?? { what: 'The kernel could not answer.' }));
    }
  };

  private last = 0;
  private readonly waiting = new Map<number, Waiting>();
}
