import type { EntityKeys } from '../../core/ports.ts';
import { viewOf } from '../../core/bytes.ts';
import { ERROR_REPLY, NULL_VALUE, type ReplyColumns } from '../wire/reply-columns.ts';
import { isWrongType } from '../redis-errors.ts';
import type { RequestBytes } from '../wire/request-bytes.ts';
import { errorOf } from './layout.ts';

/** Most keys of one MGET: a longer command keeps Redis from serving anyone else. Several still go in one round trip. */
const KEYS_PER_COMMAND = 1_024;

/**
 * Writes `MGET` of all entities. Value i of the replies, counted over all of them, is that of entity i: null where there is none, or
 * one that is not a string.
 * @returns the number of commands
 */
export function writeMget(prefix: DataView, keys: EntityKeys, into: RequestBytes): number {
  const arena = viewOf(keys.column.arena);
  let commands = 0;
  for (let from = 0; from < keys.count; from += KEYS_PER_COMMAND) {
    const to = Math.min(keys.count, from + KEYS_PER_COMMAND);
    into.put(viewOf(Buffer.from(`*${to - from + 1}\r\n$4\r\nMGET\r\n`)));
    for (let entity = from; entity < to; entity++) into.putKey(prefix, keys, arena, entity);
    commands++;
  }
  return commands;
}

const GET = viewOf(Buffer.from('*2\r\n$3\r\nGET\r\n'));

/** Writes `GET` of one entity. */
export function writeGet(prefix: DataView, keys: EntityKeys, arena: DataView, entity: number, into: RequestBytes): void {
  into.put(GET);
  into.putKey(prefix, keys, arena, entity);
}

/**
 * Looks for errors. That one key holds another type, which `GET` calls an error, is no value, as with `MGET`.
 * @throws ReplyError when a reply is any other error
 */
export function assertValues(replies: ReplyColumns): void {
  for (let reply = 0; reply < replies.replies; reply++) {
    if (replies.size[reply] !== ERROR_REPLY) continue;
    const error = errorOf(replies, reply);
    if (!isWrongType(error)) throw error;
    replies.size[reply] = 1;
    replies.length[replies.first[reply]!] = NULL_VALUE;
  }
}
