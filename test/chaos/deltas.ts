/** Drift deltas as the checker takes them, decoded with avsc by the published schema. */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { DeltaLedger } from '../../src/drift/delta-ledger.ts';
import type { ProfileDelta } from '../../src/drift/profile-delta.ts';
import type { Delta } from './drift-account.ts';
import { DRIFT_TOPICS } from './pipeline.ts';
import type { ReadRecord } from './reader.ts';

const PROFILE = avsc.Type.forSchema(
  JSON.parse(readFileSync(new URL('../../schemas/drift-profile.avsc', import.meta.url), 'utf8')) as avsc.Schema,
);

interface Column {
  readonly missing: number;
  readonly infinite: number;
  readonly counts: readonly number[];
}

/**
 * What counts of the profiles topic in the end: which deltas those are is decided by the ledger of the merger, which is on trial here; what
 * they say is read with avsc.
 */
export function countedDeltas(records: readonly ReadRecord[]): Delta[] {
  const ledger = new DeltaLedger();
  const settled = records
    .filter(({ topic }) => topic === DRIFT_TOPICS.profiles)
    .flatMap(({ value }) => ledger.accept(PROFILE.fromBuffer(Buffer.from(value ?? '', 'base64')) as ProfileDelta).settled);
  return [...settled, ...ledger.pending()].map(({ inputTopic, inputPartition, fromOffset, toOffset, untimed, deadLetters, panes }, n) => {
    const torn = panes.flatMap(({ events, features }) => features.filter((column: Column) => rowsOf(column) !== events));
    return {
      ...{ inputTopic, inputPartition, fromOffset, toOffset, untimed, deadLetters },
      ...{ segmentId: String(n), part: 0 },
      events: panes.reduce((sum, { events }) => sum + events, 0),
      tornColumns: torn.length,
    };
  });
}

/** Rows that the histogram of a column holds: each is in a cell, or has no finite value. */
function rowsOf({ missing, infinite, counts }: Column): number {
  return counts.reduce((sum, count) => sum + count, missing + infinite);
}
