import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_REPLY, ReplyColumns } from '../../../../src/features/wire/reply-columns.ts';
import { type Reply, repliesOf, resp } from './resp.ts';

/** What the columns hold, as the replies that were sent; numbers and states come as text. */
function read(columns: ReplyColumns): unknown[] {
  const { buffer, first, size, start, length } = columns;
  const valueAt = (i: number): string | null => (length[i]! < 0 ? null : buffer.toString('latin1', start[i], start[i]! + length[i]!));
  return Array.from({ length: columns.replies }, (_, reply) => {
    const at = first[reply]!;
    if (size[reply] === ERROR_REPLY) return `error ${valueAt(at)}`;
    return Array.from({ length: size[reply]! }, (_, i) => valueAt(at + i));
  });
}

const asRead = (reply: Reply): unknown => {
  if (reply instanceof Error) return `error ${reply.message}`;
  const values = Array.isArray(reply) ? reply : [reply];
  return values.map((value: Buffer | number | string | null) =>
    value === null ? null : Buffer.isBuffer(value) ? value.toString('latin1') : String(value),
  );
};

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const value = fc.oneof(bytes, fc.constant(null), fc.integer(), fc.constant(Buffer.from('\r\n$-1\r\n*2\r\n')));
const reply = fc.oneof(fc.array(value, { maxLength: 20 }), value, fc.constant(new Error('WRONGTYPE Operation against a key')));

describe('ReplyColumns', () => {
  it('say where values lie, however the replies arrive', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
        (replies, sizes) => {
          const columns = new ReplyColumns();
          columns.expect(replies.length);
          const sent = Buffer.concat([...replies.map(resp), Buffer.from('+more')]);
          let at = 0;
          for (let isWhole = false; !isWhole; ) {
            const part = sent.subarray(at, at + sizes.next().value!);
            expect(columns.isWhole).toBe(false);
            expect(part.length).toBeGreaterThan(0);
            part.copy(columns.room(part.length));
            isWhole = columns.took(part.length);
            at += part.length;
          }
          expect(read(columns)).toEqual(replies.map(asRead));
          expect(sent.subarray(at - columns.surplus).toString()).toBe('+more');
        },
      ),
    );
  });

  it('are used again, and grow', () => {
    const columns = new ReplyColumns();
    for (const count of [3, 5_000, 2]) {
      const values = Array.from({ length: count }, (_, i) => Buffer.from(`value ${i}`));
      columns.expect(2);
      const sent = Buffer.concat([resp(values), resp(null)]);
      sent.copy(columns.room(sent.length));
      expect(columns.took(sent.length)).toBe(true);
      expect(read(columns)).toEqual([asRead(values), [null]]);
    }
  });

  it.each(['?', '$x\r\n', '$5\r\nabcdefg', '*1\r\n!', '$99999999999\r\n', '$\r\n'])('refuse what is not RESP2: %j', (text) => {
    const columns = new ReplyColumns();
    columns.expect(1);
    const sent = Buffer.from(`${text}\r\n`);
    sent.copy(columns.room(sent.length));
    expect(() => columns.took(sent.length)).toThrow(RangeError);
  });

  it('take an array without values, and one that is null, for no values', () => {
    const columns = new ReplyColumns();
    columns.expect(3);
    const sent = Buffer.from('*0\r\n*-1\r\n+OK\r\n');
    sent.copy(columns.room(sent.length));
    expect(columns.took(sent.length)).toBe(true);
    expect(read(columns)).toEqual([[], [], ['OK']]);
    expect(repliesOf([]).replies).toBe(1);
  });

  it('put together what several connections have answered', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(reply, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (lists, picks) => {
          const parts = lists.map((list) => repliesOf(...list));
          const wanted = Array.from({ length: 20 }, () => {
            const part = picks.next().value! % lists.length;
            return { part, reply: picks.next().value! % lists[part]!.length };
          });
          const gathered = new ReplyColumns();
          for (let again = 0; again < 2; again++) {
            gathered.gather(
              parts,
              Int32Array.from(wanted, ({ part }) => part),
              Int32Array.from(wanted, ({ reply: of }) => of),
              wanted.length,
            );
            expect(read(gathered)).toEqual(wanted.map(({ part, reply: of }) => asRead(lists[part]![of]!)));
            expect([gathered.isWhole, gathered.surplus]).toEqual([true, 0]);
          }
        },
      ),
    );
  });
});
