import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { FromWorker } from '../../../../src/cli/pool/messages.ts';
import { PoolMember } from '../../../../src/cli/pool/member.ts';
import { ManualClock } from '../../../../src/core/clock.ts';
import { WeirError } from '../../../../src/core/errors.ts';

class FakeChannel extends EventEmitter {
  connected = true;
  readonly sent: FromWorker[] = [];

  send(message: FromWorker, callback: (error: Error | null) => void): boolean {
    this.sent.push(message);
    callback(null);
    return true;
  }

  disconnect(): void {
    this.connected = false;
    this.emit('disconnect');
  }
}

function member(channel = new FakeChannel()): { channel: FakeChannel; clock: ManualClock; member: PoolMember; orphaned: () => number } {
  const clock = new ManualClock();
  let orphaned = 0;
  const made = new PoolMember({ index: 3, predecessors: [], channel, clock, onOrphaned: () => void orphaned++ });
  return { channel, clock, member: made, orphaned: () => orphaned };
}

describe('PoolMember', () => {
  it('says how it is at once and every second', () => {
    const { channel, clock, member: made } = member();
    const starting = { kind: 'state', ready: false, reasons: ['starting: pipeline file and model'], members: [] };
    expect(channel.sent).toEqual([starting]);
    clock.advance(1_000);
    expect(channel.sent.length).toBe(2);
    made.show({ contentType: '', metrics: async () => '' }, { live: () => true, ready: () => ({ ready: true, reasons: [] }) });
    clock.advance(2_000);
    expect(channel.sent.slice(2)).toEqual(Array(2).fill({ kind: 'state', ready: true, reasons: [], members: [] }));
    const members = [{ groupId: 'flights', memberId: 'flights-1' }];
    made.showMembers(() => members);
    clock.advance(1_000);
    expect(channel.sent.slice(4)).toEqual([{ kind: 'state', ready: true, reasons: [], members }]);
  });

  it('answers with its page, with an empty one before it has any, and not when it cannot', async () => {
    const { channel, member: made } = member();
    const health = { live: () => true, ready: () => ({ ready: true, reasons: [] }) };
    const answerTo = async (id: number): Promise<FromWorker[]> => {
      channel.sent.length = 0;
      channel.emit('message', { kind: 'scrape', id });
      await new Promise((resolve) => setImmediate(resolve));
      return channel.sent;
    };
    expect(await answerTo(1)).toEqual([{ kind: 'metrics', id: 1, page: '' }]);
    made.show({ contentType: '', metrics: async () => 'a page' }, health);
    expect(await answerTo(2)).toEqual([{ kind: 'metrics', id: 2, page: 'a page' }]);
    made.show({ contentType: '', metrics: () => Promise.reject(new Error('no')) }, health);
    expect(await answerTo(3)).toEqual([]);
  });

  it('tells that and why it ends', async () => {
    const { channel, member: made } = member();
    await made.drained();
    expect(channel.sent.at(-1)).toEqual({ kind: 'drained' });
    await made.fail(new WeirError('topic_missing', 'gone'));
    expect(channel.sent.at(-1)).toEqual({ kind: 'failed', code: 'topic_missing', message: 'gone' });
    await made.fail(new TypeError('bug'));
    expect(channel.sent.at(-1)).toEqual({ kind: 'failed', code: 'unknown', message: 'TypeError: bug' });
  });

  it('notices that the supervisor is gone, and that it went before', async () => {
    const { channel, orphaned, member: made } = member();
    expect(orphaned()).toBe(0);
    channel.disconnect();
    expect(orphaned()).toBe(1);
    await made.fail(new Error('nobody hears it'));

    const late = new FakeChannel();
    late.connected = false;
    const second = member(late);
    await Promise.resolve();
    expect(second.orphaned()).toBe(1);
    expect(late.sent).toEqual([]);
  });

  it('lets go of the channel without taking that for the loss of the supervisor', () => {
    const { channel, clock, orphaned, member: made } = member();
    made.close();
    expect(channel.connected).toBe(false);
    expect(orphaned()).toBe(0);
    expect(channel.listenerCount('message') + channel.listenerCount('disconnect')).toBe(0);
    clock.advance(10_000);
    expect(channel.sent.length).toBe(1);
  });

  it('is for children of a supervisor only', () => {
    const alone = Object.assign(new EventEmitter(), { connected: false });
    expect(() => new PoolMember({ index: 0, predecessors: [], channel: alone, clock: new ManualClock(), onOrphaned: () => {} })).toThrow(
      /say weir run\./,
    );
  });
});
