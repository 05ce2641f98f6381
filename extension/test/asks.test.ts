import { Asks } from '../src/asks';

class FakeChannel {
  readonly sent: { ask: string; id: number }[] = [];
  listener: ((content: unknown) => void) | null = null;

  send(content: unknown): void {
    this.sent.push(content as { ask: string; id: number });
  }

  on(_: string, listener: (content: unknown) => void): void {
    this.listener = listener;
  }

  off(): void {
    this.listener = null;
  }
}

const QUERY = { version: 2, feature: 'income', window: 'Oct' };

test('an answer finds its question, in whatever order answers come', async () => {
  const channel = new FakeChannel();
  const { feature } = new Asks(channel).actions(['feature']);
  const first = feature?.(QUERY);
  const second = feature?.({ ...QUERY, feature: 'zip' });
  const [one, two] = channel.sent;
  expect(one).toMatchObject({ ask: 'feature', ...QUERY });
  channel.listener?.({ id: two?.id, ok: true, result: 'zip' });
  channel.listener?.({ id: 99, ok: true, result: 'nobody asked' });
  channel.listener?.(null);
  channel.listener?.({ id: one?.id, ok: true, result: 'income' });
  await expect(first).resolves.toBe('income');
  await expect(second).resolves.toBe('zip');
});

test('a refusal keeps its words', async () => {
  const channel = new FakeChannel();
  const answer = new Asks(channel).actions(['drift']).drift?.(2);
  channel.listener?.({ id: 1, ok: false, error: { what: 'locked', help: 'wait' } });
  await expect(answer).rejects.toMatchObject({ failure: { what: 'locked', help: 'wait' } });
});

test('what the kernel does not answer is not offered', () => {
  expect(new Asks(new FakeChannel()).actions([])).toEqual({});
});

test('a cleared cell leaves nobody waiting', async () => {
  const channel = new FakeChannel();
  const asks = new Asks(channel);
  const answer = asks.actions(['drift']).drift?.(2);
  asks.dispose();
  await expect(answer).rejects.toThrow('The cell was cleared');
  expect(channel.listener).toBeNull();
});
