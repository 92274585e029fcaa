/** Rows and record batches for drift tests. */
import { ManualClock } from '../../../src/core/clock.ts';
import { createRowLayout, type RowLayout } from '../../../src/core/layout.ts';
import type { OutputRecords } from '../../../src/core/outputs.ts';
import type { DriftObserver, Source } from '../../../src/core/ports.ts';
import type { AssignmentOrigin, RecordBatch, RecordSlice } from '../../../src/core/records.ts';
import { Rows, Scores } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { windowSizeFrom } from '../../../src/core/window-size.ts';
import { createMerger, type Merger, type MergerOptions } from '../../../src/drift/merger.ts';
import { createDriftObserver, type DriftObserverOptions } from '../../../src/drift/observer.ts';
import { createReferenceBuilder } from '../../../src/drift/reference-builder.ts';
import type { ReferenceProfile } from '../../../src/drift/reference-profile.ts';

export const MODEL = { name: 'toy', version: '1' };
export const PREFIX = Buffer.from([0, 0, 0, 0, 7]);
export const START_MS = 1_357_000_200_000;

/** Two event floats, one float of a group, one string; two tensors, so that lanes and slots differ. */
export const layout: RowLayout = createRowLayout(
  [
    {
      name: 'features',
      kind: 'float',
      columns: [
        { name: 'delay', kind: 'float', binding: { from: 'event', path: ['delay'] }, required: false, onInvalid: 'flag' },
        { name: 'day', kind: 'float', binding: { from: 'event', path: ['day'] }, required: false, onInvalid: 'flag' },
      ],
    },
    {
      name: 'wind',
      kind: 'float',
      columns: [
        { name: 'wind', kind: 'float', binding: { from: 'group', group: 'airport', feature: 'wind' }, required: false, onInvalid: 'flag' },
      ],
    },
    {
      name: 'origin',
      kind: 'string',
      columns: [{ name: 'origin', kind: 'string', binding: { from: 'event', path: ['origin'] }, required: false, onInvalid: 'flag' }],
    },
  ],
  { entities: new Map([['airport', ['origin']]]) },
);

/** One input record. Undefined values are missing. */
export interface Datum {
  delay?: number;
  day?: number;
  wind?: number;
  origin?: string;
  score?: number;
  timeMs?: number;
  /** Becomes a dead letter. */
  dead?: boolean;
  /** Settled without an output. */
  skip?: boolean;
  /** Its partition has gone to another worker. */
  withdrawn?: boolean;
  /** `GROUP_*` of the airport. */
  airport?: number;
  /** Columns (by index) that hold a stand-in. */
  standIns?: number[];
  /** Columns (by index) that were given a value of a wrong type. */
  wrongTypes?: number[];
}

/** A record batch without bytes: drift looks at coordinates only. */
export function inputBatch(
  partition: number,
  firstOffset: number,
  count: number,
  options: { epoch?: number; endOffset?: number; topic?: string } = {},
): RecordBatch {
  const lane = (): Int32Array => new Int32Array(count);
  return {
    topic: options.topic ?? 'in',
    partition,
    count,
    buffer: Buffer.alloc(0),
    offsets: Float64Array.from({ length: count }, (_, i) => firstOffset + i),
    timestamps: new Float64Array(count).fill(START_MS),
    keyStart: lane(),
    keyLength: lane(),
    valueStart: lane(),
    valueLength: lane(),
    headerStart: lane(),
    headerLength: lane(),
    epoch: options.epoch ?? 1,
    nextOffset: firstOffset + count,
    endOffset: options.endOffset ?? firstOffset + count,
    arrivedAtMs: 0,
    bytes: 0,
  };
}

/** A source whose assignments began at offset 0, or at `startOffset`, in epoch `epoch`. */
export function sourceOf(origin: Partial<AssignmentOrigin> = {}): Pick<Source, 'originOf'> {
  return { originOf: () => ({ epoch: 1, startOffset: 0, generation: 1, beganAtMs: 0, isElsewhere: false, ...origin }) };
}

/** An observer with a clock of its own, which flushes every second. */
export function observerOf(options: Partial<DriftObserverOptions> & Pick<DriftObserverOptions, 'reference'>): DriftObserver {
  return createDriftObserver({
    layout,
    model: MODEL,
    profilesTopic: 'profiles',
    prefix: PREFIX,
    paneMs: 60_000,
    flushIntervalMs: 1000,
    clock: new ManualClock(),
    workerId: 'w',
    ...options,
  });
}

/** A sink that commits nothing that is known of. */
export const SINK = { committedWith: () => -1 };

/** Rows of one or more partitions: each part is the next stretch of a partition's records. */
export function rowsOf(parts: { partition: number; firstOffset: number; data: Datum[]; epoch?: number; endOffset?: number }[]): {
  rows: Rows;
  scores: Scores;
} {
  const count = parts.reduce((sum, part) => sum + part.data.length, 0);
  const rows = new Rows(layout, Math.max(1, count));
  const scores = new Scores(Math.max(1, count), { label: false, extras: [] });
  let fromRow = 0;
  const slices = parts.map((part): RecordSlice => {
    const records = inputBatch(part.partition, part.firstOffset, part.data.length, part);
    const slice = { records, from: 0, to: part.data.length, fromRow };
    fromRow += part.data.length;
    return slice;
  });
  rows.reset(slices);
  let row = 0;
  for (const { data } of parts) {
    for (const datum of data) {
      rows.floats[0]![row * 2] = datum.delay ?? Number.NaN;
      rows.floats[0]![row * 2 + 1] = datum.day ?? Number.NaN;
      rows.floats[1]![row] = datum.wind ?? Number.NaN;
      if (datum.origin !== undefined) rows.texts[0]!.setText(row, datum.origin);
      rows.groupState[0]![row] = datum.airport ?? 0;
      for (const column of datum.standIns ?? []) rows.degrade(row, column);
      for (const column of datum.wrongTypes ?? []) rows.markWrongType(row, column);
      rows.eventTimeMs[row] = datum.timeMs ?? START_MS;
      scores.score[row] = datum.score ?? 0.5;
      if (datum.dead) rows.fail(row, 'decode_failed', 'test');
      if (datum.skip) rows.skip(row);
      if (datum.withdrawn) rows.withdraw(row);
      row++;
    }
  }
  return { rows, scores };
}

/** A small generator of uniform numbers with a seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

/** A plausible datum; `shift` moves delay and origin. */
export function datumFrom(random: () => number, shift = 0): Datum {
  const origins = ['EWR', 'JFK', 'LGA', 'Zürich ✈'];
  const datum: Datum = {
    delay: (random() + random() + random() - 1.5) * 40 + shift,
    day: 1 + Math.floor(random() * 7),
    score: random() ** 2,
    origin: origins[Math.min(3, Math.floor(random() * 3.2 + shift / 60))]!,
  };
  if (random() > 0.1) datum.wind = random() < 0.3 ? 0 : random() * 30;
  return datum;
}

export function referenceOf(count = 4000, seed = 1): ReferenceProfile {
  const builder = createReferenceBuilder({ layout, model: MODEL });
  const random = randomFrom(seed);
  const { rows, scores } = rowsOf([{ partition: 0, firstOffset: 0, data: Array.from({ length: count }, () => datumFrom(random)) }]);
  builder.observe(rows, scores);
  return builder.build();
}

/** What a topic would give back: one record batch of everything that was put out. */
export function batchOf(outputs: readonly OutputRecords[], partition = 0): RecordBatch {
  const records = outputs.flatMap((output) =>
    Array.from({ length: output.count }, (_, i) => ({
      key: Buffer.from(output.buffer.subarray(output.keyStart[i]!, output.keyStart[i]! + output.keyLength[i]!)),
      value:
        output.valueLength[i]! < 0
          ? null
          : Buffer.from(output.buffer.subarray(output.valueStart[i]!, output.valueStart[i]! + output.valueLength[i]!)),
      timestampMs: output.timestamps[i]!,
    })),
  );
  return batchOfRecords(records, partition);
}

export function batchOfRecords(
  records: readonly { key: Buffer | null; value: Buffer | null; timestampMs?: number }[],
  partition = 0,
): RecordBatch {
  const batch = inputBatch(partition, 0, records.length, { topic: 'profiles' });
  const parts: Buffer[] = [];
  let at = 0;
  const put = (bytes: Buffer | null, start: Int32Array, length: Int32Array, i: number): void => {
    start[i] = at;
    length[i] = bytes ? bytes.length : -1;
    if (!bytes) return;
    parts.push(bytes);
    at += bytes.length;
  };
  for (const [i, { key, value, timestampMs = START_MS }] of records.entries()) {
    batch.timestamps[i] = timestampMs;
    put(key, batch.keyStart, batch.keyLength, i);
    put(value, batch.valueStart, batch.valueLength, i);
  }
  return { ...batch, buffer: Buffer.concat(parts) };
}

export function mergerOf(reference: ReferenceProfile, options: Partial<MergerOptions> = {}): { merger: Merger; clock: ManualClock } {
  const clock = new ManualClock();
  const merger = createMerger({
    model: MODEL,
    reference,
    statisticsTopic: 'statistics',
    countsTopic: 'counts',
    stateTopic: 'state',
    countsPrefix: PREFIX,
    profilesPrefix: PREFIX,
    statisticsPrefix: PREFIX,
    profilesTopic: 'profiles',
    windows: [windowSizeFrom('1h')!],
    paneMs: 60_000,
    outOfOrderMs: 30_000,
    latenessMs: 120_000,
    idleMs: 60_000,
    closeAfterMs: 600_000,
    reviseMs: 86_400_000,
    thresholds: { tvd: 0.1, psi: 0.2 },
    expectedRunTimeDays: 30,
    minSamples: 1000,
    clock,
    logger: silentLogger,
    ...options,
  });
  return { merger, clock };
}
