import { ReplyColumns } from '../../../../src/features/wire/reply-columns.ts';

/** A reply of Redis: null, a text or bytes, an array of such, or an error. */
export type Reply = Value | readonly Value[] | Error;
type Value = Buffer | string | number | null;

/** A reply as RESP2. */
export function resp(reply: Reply): Buffer {
  if (reply instanceof Error) return Buffer.from(`-${reply.message}\r\n`);
  if (Array.isArray(reply)) return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...(reply as Value[]).map(value)]);
  return value(reply as Value);
}

function value(from: Value): Buffer {
  if (from === null) return Buffer.from('$-1\r\n');
  if (typeof from === 'number') return Buffer.from(`:${from}\r\n`);
  const bytes = Buffer.from(from);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** Replies that are all here. */
export function repliesOf(...replies: readonly Reply[]): ReplyColumns {
  const columns = new ReplyColumns();
  columns.expect(replies.length);
  const bytes = Buffer.concat(replies.map(resp));
  bytes.copy(columns.room(bytes.length));
  columns.took(bytes.length);
  return columns;
}
