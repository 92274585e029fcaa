/** How good the predictions of each month were, as it lies on the performance topic: the last record of each key counts. */
import avsc from 'avsc';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import type { PerformanceStatistics } from '../../src/drift/performance/performance-record.ts';

export type { PerformanceStatistics } from '../../src/drift/performance/performance-record.ts';

const CONFLUENT_HEADER_BYTES = 5;

/** Takes records of the performance topic and keeps the newest of each window. */
export class PerformanceWindows {
  private readonly type = avsc.Type.forSchema(readOwnSchema('performance-statistics') as avsc.Schema);
  private readonly byKey = new Map<string, PerformanceStatistics>();

  /** @param value Confluent-framed PerformanceStatistics; null is a tombstone and removes the window */
  apply(record: { readonly key: Buffer | null; readonly value: Buffer | null }): void {
    const key = record.key?.toString() ?? '';
    if (record.value) this.byKey.set(key, this.type.fromBuffer(record.value.subarray(CONFLUENT_HEADER_BYTES)) as PerformanceStatistics);
    else this.byKey.delete(key);
  }

  /** Newest record of each window, oldest window first. */
  latest(): PerformanceStatistics[] {
    return [...this.byKey.values()].sort((a, b) => a.windowStart - b.windowStart);
  }

  /** Predictions whose label is known. */
  labelled(): number {
    let rows = 0;
    for (const window of this.byKey.values()) rows += window.labelled;
    return rows;
  }
}
