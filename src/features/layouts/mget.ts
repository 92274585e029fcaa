import { Pipeline, type Redis } from 'ioredis';
import type { EntityKeys } from '../../core/ports.ts';
import { execute } from './layout.ts';
import { PreparedCommand, roomForKeys, writeKey } from './prepared-command.ts';

/** Most keys of one MGET: a longer command keeps Redis from serving anyone else. Several still go in one round trip. */
const KEYS_PER_COMMAND = 1_024;

/** Values of all entities in one round trip; null where there is none, or one that is not a string. */
export async function getAll(redis: Redis, prefix: Buffer, entities: EntityKeys): Promise<(Buffer | null)[]> {
  const { count } = entities;
  if (count <= KEYS_PER_COMMAND) return (await redis.sendCommand(mget(prefix, entities, 0, count))) as (Buffer | null)[];
  const pipeline = new Pipeline(redis);
  for (let from = 0; from < count; from += KEYS_PER_COMMAND) {
    pipeline.sendCommand(mget(prefix, entities, from, Math.min(count, from + KEYS_PER_COMMAND)));
  }
  const values: (Buffer | null)[] = [];
  for (const [error, answer] of await execute(pipeline)) {
    if (error) throw error;
    for (const value of answer as (Buffer | null)[]) values.push(value);
  }
  return values;
}

/** `MGET` of the keys of entities `from` … `to` − 1. */
function mget(prefix: Buffer, entities: EntityKeys, from: number, to: number): PreparedCommand {
  const head = `*${to - from + 1}\r\n$4\r\nMGET\r\n`;
  const bytes = Buffer.allocUnsafe(head.length + roomForKeys(entities, from, to, prefix));
  let at = bytes.write(head, 'latin1');
  for (let entity = from; entity < to; entity++) at = writeKey(bytes, at, prefix, entities, entity);
  return new PreparedCommand('mget', bytes.subarray(0, at));
}
