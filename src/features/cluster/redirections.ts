import type { RedisNode } from '../redis-place.ts';
import { ERROR_REPLY, type ReplyColumns } from '../wire/reply-columns.ts';

/** Where a key is to be asked for instead. */
export interface Redirection {
  /** Host and port, as they name the node. Empty host: the node that said it. */
  readonly node: RedisNode;
  /** True when the key is on its way there: only this once, and after the command ASKING. */
  readonly isAsking: boolean;
}

const M = 0x4d;
const A = 0x41;
const C = 0x43;

/**
 * Reads a reply that says that the key is elsewhere: `MOVED 3999 127.0.0.1:6381`, `ASK 3999 127.0.0.1:6381`.
 * @returns undefined for all other replies
 */
export function redirectionOf(replies: ReplyColumns, reply: number): Redirection | undefined {
  if (replies.size[reply] !== ERROR_REPLY) return undefined;
  const { buffer, first, start, length } = replies;
  const value = first[reply]!;
  const from = start[value]!;
  if (buffer[from] !== M && buffer[from] !== A) return undefined;
  const [, word, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(buffer.toString('latin1', from, from + length[value]!)) ?? [];
  if (word === undefined) return undefined;
  return { node: { host: host!, port: Number(port) }, isAsking: word === 'ASK' };
}

/** True for a reply that says that nobody has the key's slot, or that the node has lost its cluster: `CLUSTERDOWN …`. */
export function isClusterDown(replies: ReplyColumns, reply: number): boolean {
  if (replies.size[reply] !== ERROR_REPLY) return false;
  const { buffer, first, start } = replies;
  const from = start[first[reply]!]!;
  return buffer[from] === C && buffer.toString('latin1', from, from + 11) === 'CLUSTERDOWN';
}
