import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromSupervisor, fromWorker, groupMembers } from '../../../../src/cli/pool/messages.ts';

describe('messages', () => {
  it('are what they say', () => {
    const state = { kind: 'state', ready: false, reasons: ['a'], members: [] };
    const member = { kind: 'state', ready: true, reasons: [], members: [{ groupId: 'flights', memberId: 'flights-1' }] };
    const metrics = { kind: 'metrics', id: 3, page: '# HELP' };
    const failed = { kind: 'failed', code: 'topic_missing', message: 'gone' };
    for (const message of [state, member, metrics, failed, { kind: 'drained' }]) {
      expect(fromWorker({ ...message, more: 1 })).toEqual(message);
      expect(fromSupervisor(message)).toBeUndefined();
    }
    expect(fromSupervisor({ kind: 'scrape', id: 1, more: 1 })).toEqual({ kind: 'scrape', id: 1 });
  });

  it('carry members of groups and nothing else', () => {
    const known = { groupId: 'a', memberId: 'b' };
    for (const [list, found] of [
      [[{ ...known, generationId: 7 }, { groupId: 'a' }, null, 'x', { groupId: 1, memberId: 'b' }], [known]],
      [{ 0: known }, []],
      [undefined, []],
    ]) {
      expect(groupMembers(list)).toEqual(found);
      expect(fromWorker({ kind: 'state', ready: true, reasons: [], members: list })).toMatchObject({ members: found });
    }
  });

  it.each([
    { kind: 'state', ready: 'yes', reasons: [] },
    { kind: 'state', ready: true, reasons: [1] },
    { kind: 'state', ready: true, reasons: 'none' },
    { kind: 'metrics', id: '1', page: '' },
    { kind: 'metrics', id: 1 },
    { kind: 'failed', code: 'toString', message: 'x' },
    { kind: 'failed', code: 'no_such_code', message: 'x' },
    { kind: 'failed', code: 'unknown' },
    { kind: 'scrape' },
    null,
    'state',
  ])('that are malformed are none: %j', (message) => {
    expect(fromWorker(message)).toBeUndefined();
    expect(fromSupervisor(message)).toBeUndefined();
  });

  it('of any kind do no harm', () => {
    fc.assert(
      fc.property(fc.anything(), (message) => {
        fromWorker(message);
        fromSupervisor(message);
      }),
    );
  });
});
