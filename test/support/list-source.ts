import type { WeirError } from '../../src/core/errors.ts';
import type { Source, SourceListener } from '../../src/core/ports.ts';
import {
  type AssignmentOrigin,
  bytesOfSlice,
  type Position,
  type RecordBatch,
  type RecordSlice,
  type TopicPartition,
} from '../../src/core/records.ts';

/** A source over a list, driven by hand: push batches, revoke partitions, end. For unit tests of the pipeline. */
export class ListSource implements Source {
  failure: WeirError | undefined;
  ended = false;
  heldRows = 0;
  heldBytes = 0;
  /** Handed out at the next look. */
  idlePositions: Position[] = [];
  private readonly queue: RecordBatch[] = [];
  private readonly owned = new Map<string, number>();
  private listener: SourceListener | undefined;

  async start(listener: SourceListener): Promise<void> {
    this.listener = listener;
  }

  push(records: RecordBatch): void {
    this.owned.set(`${records.topic}-${records.partition}`, records.epoch);
    this.queue.push(records);
    this.heldRows += records.count;
    this.heldBytes += records.bytes;
    this.listener?.onReady();
  }

  end(): void {
    this.ended = true;
    this.listener?.onReady();
  }

  fail(error: WeirError): void {
    this.failure = error;
    this.listener?.onReady();
  }

  /** Takes a partition away without warning. */
  revoke(partition: TopicPartition): void {
    this.owned.delete(`${partition.topic}-${partition.partition}`);
    this.listener?.onRevoked([partition]);
  }

  async rebalance(): Promise<void> {
    (await this.suspend())();
  }

  /** The first half of a rebalance; what it returns is the second. */
  async suspend(): Promise<() => void> {
    await this.listener!.onRebalance();
    return () => this.listener!.onResumed();
  }

  originOf({ topic, partition }: TopicPartition): AssignmentOrigin | undefined {
    const epoch = this.owned.get(`${topic}-${partition}`);
    return epoch === undefined ? undefined : { epoch, startOffset: 0, generation: 1, beganAtMs: epoch, isElsewhere: false };
  }

  take(): RecordBatch | undefined {
    return this.queue.shift();
  }

  release(slices: readonly RecordSlice[]): void {
    for (const slice of slices) {
      this.heldRows -= slice.to - slice.from;
      this.heldBytes -= bytesOfSlice(slice);
    }
  }

  takeIdlePositions(): Position[] {
    return this.idlePositions.splice(0);
  }

  owns({ topic, partition, epoch }: TopicPartition & { readonly epoch: number }): boolean {
    return this.owned.get(`${topic}-${partition}`) === epoch;
  }

  assignment(): readonly TopicPartition[] {
    return [];
  }

  async stopFetching(): Promise<void> {}
  async close(): Promise<void> {}
}
