import type { ChainableCommander, Redis } from 'ioredis';
import type { EntityKeys, FeatureGroup, FeatureTable, Logger } from '../../core/ports.ts';
import type { FeatureRow } from '../feature-row.ts';
import type { ReplyColumns } from '../wire/reply-columns.ts';
import type { RequestBytes } from '../wire/request-bytes.ts';

/** What one answer held besides hits. */
export interface Tally {
  misses: number;
  /** Values or single features that are there but cannot be read; which ones is in the table. */
  unreadable: number;
}

/** Reads the rows of one group. */
export interface LayoutReader {
  /** Writes the commands that ask for all entities, of which there is at least one. @returns how many replies will come */
  write(keys: EntityKeys, into: RequestBytes): number;
  /** What stands before the entity in a key. */
  readonly prefix: DataView;
  /**
   * Writes one command that asks for one entity: for a cluster, where most keys are in parts of their own and a command may name those of
   * one part only. Its reply, an error aside, has as many values as that of `write` has for an entity.
   * @param arena the bytes of `keys`
   */
  writeOne(keys: EntityKeys, arena: DataView, entity: number, into: RequestBytes): void;
  /**
   * What must be read first, before these replies can be decoded; nearly always nothing.
   * @throws ReplyError as `decode`
   */
  missing?(replies: ReplyColumns, count: number): ((redis: Pick<Redis, 'get'>) => Promise<void>) | undefined;
  /**
   * Fills the table.
   * @throws ReplyError for a reply that is an error and not about one key
   */
  decode(replies: ReplyColumns, count: number, table: FeatureTable): Tally;
}

/** Writes the rows of one group. */
export interface LayoutWriter {
  /** Commands to run once before the rows. */
  prepare(pipeline: ChainableCommander): void;
  /** Adds the commands that replace one row. @throws WeirError `input_file_invalid` when the layout cannot hold it */
  add(pipeline: ChainableCommander, row: FeatureRow): void;
}

/** Where the rows of a group are kept. */
export interface LayoutPlace {
  readonly group: FeatureGroup;
  /** Goes before the entity in every key. */
  readonly keyPrefix: string;
}

/** How rows of features are kept in Redis. */
export interface Layout {
  readonly name: 'json' | 'hash' | 'packed' | 'float32';
  /** What `TYPE` says of a key of this layout. */
  readonly redisType: 'string' | 'hash';
  createReader(place: LayoutPlace, logger: Logger): LayoutReader;
  /** @param ttlSeconds 0: rows do not expire */
  createWriter(place: LayoutPlace, ttlSeconds: number): LayoutWriter;
  /** Undefined when the bytes of a key look like this layout, else what is wrong. Only for layouts of type `string`. */
  findFault(value: Buffer): string | undefined;
}

/**
 * Runs a pipeline and returns what its commands answered, errors of single commands included: `exec` itself never
 * rejects for those.
 */
export async function execute(pipeline: Pick<ChainableCommander, 'exec'>): Promise<[error: Error | null, answer: unknown][]> {
  const answers = await pipeline.exec();
  return answers ?? [];
}

/** A reply that is an error, as ioredis would throw it, but without the command, which holds keys. */
export function errorOf({ buffer, first, start, length }: ReplyColumns, reply: number): Error {
  const value = first[reply]!;
  const from = start[value]!;
  const error = new Error(buffer.toString('utf8', from, from + length[value]!));
  error.name = 'ReplyError';
  return error;
}
