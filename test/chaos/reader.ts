/** Reads topics with the official Java consumer: a client that shares no line with weir or kafkajs. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder, KAFKA_VERSION } from '../../src/dev/index.ts';
import { requireJava } from '../../src/dev/programs.ts';
import { DRIFT_TOPICS } from './pipeline.ts';

/** A record as the reader gives it. Key and value are base64 (a large value, but of drift: `#length:crc32`); null: none. */
export interface ReadRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  /** Headers that begin with `weir.error.`, as text. */
  readonly headers: Readonly<Record<string, string>>;
}

const SOURCE = fileURLToPath(new URL('ReadTopics.java', import.meta.url));

/** How long transactions of killed workers may stay open: longer than their time-out and the broker's look-out for it. */
const OPEN_TRANSACTIONS_MS = 60_000;

/**
 * Reads topics from their beginning to the end they have now, read_committed, in the order of each partition's offsets.
 * @throws when a transaction stays open, or the reader fails
 */
export async function readCommitted(brokers: string, topics: readonly string[]): Promise<ReadRecord[]> {
  const java = await requireJava(17);
  const libraries = join(cacheFolder(), `kafka-${KAFKA_VERSION}`, 'libs', '*');
  const args = [
    `-Dwhole=${DRIFT_TOPICS.profiles},${DRIFT_TOPICS.counts}`,
    '-Xmx1g',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    libraries,
    SOURCE,
    brokers,
    String(OPEN_TRANSACTIONS_MS),
  ];
  const { stdout } = await promisify(execFile)(java, [...args, ...topics], { maxBuffer: 1 << 30, timeout: 300_000 });
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : recordFrom(line)));
}

function recordFrom(line: string): ReadRecord {
  const [topic = '', partition, offset, timestamp, key = '-', value = '-', headers = ''] = line.split('\t');
  return {
    topic,
    partition: Number(partition),
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key: key === '-' ? null : key,
    value: value === '-' ? null : value,
    headers: Object.fromEntries(
      headers.split(',').flatMap((header) => {
        const at = header.indexOf('=');
        return at < 0 ? [] : [[header.slice(0, at), Buffer.from(header.slice(at + 1), 'base64').toString('utf8')]];
      }),
    ),
  };
}
