import type { SourceListener } from '../../src/core/ports.ts';
import type { RecordBatch } from '../../src/core/records.ts';
import type { KafkaSource } from '../../src/kafka/source.ts';
import { testSource } from './kafka.ts';

/** A source that has joined, and what it has handed out. */
export interface StartedSource {
  readonly source: KafkaSource;
  readonly batches: RecordBatch[];
  /** Values of all records handed out, as text. */
  values(): string[];
}

const open: KafkaSource[] = [];

/** Closes what `started` has started. */
export async function closeSources(): Promise<void> {
  await Promise.all(open.splice(0).map((s) => s.close()));
}

/** Starts a source and collects what it hands out. */
export async function started(options: Parameters<typeof testSource>[0], listener: Partial<SourceListener> = {}): Promise<StartedSource> {
  const source = testSource(options);
  open.push(source);
  const batches: RecordBatch[] = [];
  // Read when taken: columns are used again once a batch is released.
  const read: string[] = [];
  const pull = (): void => {
    for (let b = source.take(); b; b = source.take()) {
      batches.push(b);
      for (let i = 0; i < b.count; i++) read.push(b.buffer.toString('utf8', b.valueStart[i], b.valueStart[i]! + b.valueLength[i]!));
    }
  };
  await source.start({ onReady: pull, onRevoked: () => {}, onRebalance: async () => {}, onResumed: () => {}, ...listener });
  return { source, batches, values: () => read };
}
