/** Drift deltas as the checker takes them, decoded with avsc by the published schema. */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { windowSizeFrom } from '../../src/core/window-size.ts';
import { DeltaLedger, type LedgerEntry } from '../../src/drift/delta-ledger.ts';
import type { FeatureDelta, ProfileDelta } from '../../src/drift/profile-delta.ts';
import type { Delta } from './drift-account.ts';
import { DRIFT_TOPICS } from './pipeline.ts';
import type { ReadRecord } from './reader.ts';

const PROFILE = avsc.Type.forSchema(
  JSON.parse(readFileSync(new URL('../../schemas/drift-profile.avsc', import.meta.url), 'utf8')) as avsc.Schema,
);

const COUNTS = avsc.Type.forSchema(
  JSON.parse(readFileSync(new URL('../../schemas/drift-counts.avsc', import.meta.url), 'utf8')) as avsc.Schema,
);

type Histogram = Pick<FeatureDelta, 'missing' | 'infinite' | 'cells' | 'counts' | 'sums'>;

interface PublishedCounts {
  readonly window: string;
  readonly windowStart: number;
  readonly features: readonly Histogram[];
}

interface Column {
  readonly missing: number;
  readonly infinite: number;
  readonly counts: readonly number[];
}

/** What counts of the profiles topic in the end: which deltas those are is decided by the ledger of the merger, which is on trial here. */
function counted(records: readonly ReadRecord[]): LedgerEntry[] {
  const ledger = new DeltaLedger();
  const settled = records.flatMap(({ topic, value }) =>
    // A record without a value tells nothing but the time.
    topic !== DRIFT_TOPICS.profiles || value === null
      ? []
      : ledger.accept(PROFILE.fromBuffer(Buffer.from(value, 'base64')) as ProfileDelta).settled,
  );
  return [...settled, ...ledger.pending()];
}

/** The deltas that count, for the account of rows; what they say is read with avsc. */
export function countedDeltas(records: readonly ReadRecord[]): Delta[] {
  return counted(records).map(({ inputTopic, inputPartition, fromOffset, toOffset, untimed, deadLetters, panes }, n) => {
    const torn = panes.flatMap(({ events, features }) => features.filter((column: Column) => rowsOf(column) !== events));
    return {
      ...{ inputTopic, inputPartition, fromOffset, toOffset, untimed, deadLetters },
      ...{ segmentId: String(n), part: 0 },
      events: panes.reduce((sum, { events }) => sum + events, 0),
      tornColumns: torn.length,
    };
  });
}

/**
 * Holds the histograms that the mergers have published last against one pass over all deltas: every window of every size must be there,
 * with the same count in every cell, whoever of the mergers was killed when.
 * @returns what differs, in words; empty: nothing
 */
export function windowProblems(records: readonly ReadRecord[]): string[] {
  const published = new Map<string, PublishedCounts>();
  for (const { topic, key, value } of records) {
    if (topic === DRIFT_TOPICS.counts) published.set(key!, COUNTS.fromBuffer(Buffer.from(value!, 'base64')) as PublishedCounts);
  }
  const sizes = [...new Set([...published.values()].map(({ window }) => window))].map((name) => windowSizeFrom(name)!);
  const expected = new Map<string, Map<string, number>>();
  const panes = counted(records).flatMap((entry) => entry.panes);
  for (const size of sizes) {
    for (const pane of panes) {
      const name = `${size.name} from ${size.startOf(pane.start)}`;
      expected.set(name, addCells(expected.get(name) ?? new Map<string, number>(), pane.features));
    }
  }
  const found = new Map(
    [...published.values()].map(({ window, windowStart, features }) => [`${window} from ${windowStart}`, addCells(new Map(), features)]),
  );
  const problems = panes.length > 0 && sizes.length === 0 ? ['no window was published'] : [];
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    const should = expected.get(name) ?? new Map<string, number>();
    const is = found.get(name) ?? new Map<string, number>();
    const cells = [...new Set([...should.keys(), ...is.keys()])].filter((cell) => should.get(cell) !== is.get(cell));
    if (cells.length > 0) {
      problems.push(
        `drift window ${name}: ${cells.length} cells differ, such as ${cells[0]}: ${is.get(cells[0]!)} for ${should.get(cells[0]!)}`,
      );
    }
  }
  return problems;
}

/** Adds up what features have counted, by feature and cell. */
function addCells(into: Map<string, number>, features: readonly Histogram[]): Map<string, number> {
  const add = (name: string, count: number): void => {
    if (count !== 0) into.set(name, (into.get(name) ?? 0) + count);
  };
  for (const [index, { missing, infinite, cells, counts, sums }] of features.entries()) {
    add(`missing ${index}`, missing);
    add(`infinite ${index}`, infinite);
    for (const [i, cell] of cells.entries()) {
      add(`cell ${index}.${cell}`, counts[i]!);
      add(`sum ${index}.${cell}`, sums[i] ?? 0);
    }
  }
  return into;
}

/** Rows that the histogram of a column holds: each is in a cell, or has no finite value. */
function rowsOf({ missing, infinite, counts }: Column): number {
  return counts.reduce((sum, count) => sum + count, missing + infinite);
}
