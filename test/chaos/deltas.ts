/** Drift deltas as the checker takes them, decoded with avsc by the published schema: nothing of weir takes part. */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
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

interface Profile extends Omit<Delta, 'events' | 'tornColumns'> {
  readonly panes: readonly { readonly events: number; readonly features: readonly Column[] }[];
}

/** The records of the profiles topic. */
export function deltasFrom(records: readonly ReadRecord[]): Delta[] {
  return records
    .filter(({ topic }) => topic === DRIFT_TOPICS.profiles)
    .map(({ value }) => {
      const profile = PROFILE.fromBuffer(Buffer.from(value ?? '', 'base64')) as Profile;
      const { inputTopic, inputPartition, segmentId, fromOffset, toOffset, part, untimed, deadLetters, panes } = profile;
      const torn = panes.flatMap(({ events, features }) => features.filter((column) => rowsOf(column) !== events));
      return {
        ...{ inputTopic, inputPartition, segmentId, fromOffset, toOffset, part, untimed, deadLetters },
        events: panes.reduce((sum, { events }) => sum + events, 0),
        tornColumns: torn.length,
      };
    });
}

/** Rows that the histogram of a column holds: each is in a cell, or has no finite value. */
function rowsOf({ missing, infinite, counts }: Column): number {
  return counts.reduce((sum, count) => sum + count, missing + infinite);
}
