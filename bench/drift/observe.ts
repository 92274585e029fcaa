/**
 * Cost of drift counting per feature and row: linear grid against one over float bits on even and skewed features, a string column,
 * and the whole observer on a 24-column model. Variants are interleaved; the median of the rounds is printed.
 *
 *     npm run bench -- drift [--rounds 9] [--json]
 */
import { parseArgs } from 'node:util';
import { ManualClock } from '../../src/core/clock.ts';
import { createRowLayout } from '../../src/core/layout.ts';
import { ORIGIN_WITHOUT_GROUP, type RecordBatch } from '../../src/core/records.ts';
import { Rows, Scores } from '../../src/core/rows.ts';
import { createBinLookup } from '../../src/drift/bin-lookup.ts';
import { cellLayoutOf } from '../../src/drift/cells.ts';
import { countOutside, countWords } from '../../src/drift/counting.ts';
import { FloatCounter, type RowSlots } from '../../src/drift/float-counter.ts';
import { createDriftObserver } from '../../src/drift/observer.ts';
import { PaneSlab } from '../../src/drift/pane-slab.ts';
import { createReferenceBuilder, numericFeatureFrom } from '../../src/drift/reference-builder.ts';
import { type NumericFeature, referenceProfileFrom } from '../../src/drift/reference-profile.ts';
import { Vocabulary } from '../../src/drift/vocabulary.ts';
import { machineLine, rangeText, table } from '../report.ts';
import { median } from '../statistics.ts';

const ROWS = 512;
const WIDTH = 24;
const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, json: { type: 'boolean', default: false } },
});
const ROUNDS = Number(flags.rounds);
const model = { name: 'bench', version: '1' };

let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 4_294_967_296;
};
const shapes: Record<string, () => number> = {
  even: () => random() * 100,
  normal: () => random() + random() + random() + random(),
  exponential: () => -Math.log(1 - random()),
  heavy: () => Math.exp(8 * (random() + random() - 1)),
  'half zero': () => (random() < 0.5 ? 0 : random() * 50),
  discrete: () => Math.floor(random() * 7),
};

const matrices = (draw: () => number): Float32Array[] =>
  Array.from({ length: 32 }, () => Float32Array.from({ length: ROWS * WIDTH }, draw));
const at: RowSlots = {
  rows: Int32Array.from({ length: ROWS }, (_, i) => i),
  slots: new Int32Array(ROWS),
  count: ROWS,
};

interface Variant {
  readonly name: string;
  readonly updates: number;
  readonly run: (i: number) => void;
  readonly times: number[];
}

function kernel(shape: string, draw: () => number, way: 'linear' | 'bits' | undefined): Variant {
  const feature: NumericFeature = numericFeatureFrom('x', Float32Array.from({ length: 20_000 }, draw));
  const features = Array.from({ length: WIDTH - 1 }, (_, i) => ({ ...feature, name: `x${i}` }));
  const slab = new PaneSlab(
    cellLayoutOf(
      referenceProfileFrom({ format: 'weir-reference-profile/1', model, rows: 1, observedRows: 1, features, prediction: feature }),
    ),
  );
  const lookup = createBinLookup(feature, way);
  const counter = new FloatCounter(
    slab,
    WIDTH,
    slab.layout.features.map(({ start }, column) => ({ column, feature: column, start, lookup })),
  );
  slab.acquire();
  const data = matrices(draw);
  return {
    name: `${shape}, ${way ?? `chosen: ${lookup.scale}`}`,
    updates: ROWS * WIDTH,
    times: [],
    run: (i) => counter.count(data[i % 32]!, at, (slot, x, feature) => countOutside(slab, slot, x, feature)),
  };
}

function words(): Variant {
  const vocabulary = Array.from({ length: 100 }, (_, i) => `AP${i}`);
  const layout = createRowLayout(
    [
      {
        name: 's',
        kind: 'string',
        columns: [{ name: 's', kind: 'string', binding: { from: 'event', path: ['s'] }, required: false, onInvalid: 'flag' }],
      },
    ],
    { entities: new Map() },
  );
  const { rows, scores } = batchFor(layout, 0);
  const builder = createReferenceBuilder({ layout, model });
  for (let row = 0; row < ROWS; row++) rows.texts[0]!.setText(row, vocabulary[Math.floor(random() * 100)]!);
  builder.observe(rows, scores);
  const slab = new PaneSlab(cellLayoutOf(builder.build()));
  const table = new Vocabulary(vocabulary);
  return { name: 'string of 100', updates: ROWS, times: [], run: () => countWords(slab, at, rows.texts[0]!, table, 0, 0) };
}

function batchFor(layout: ReturnType<typeof createRowLayout>, firstOffset: number): { rows: Rows; scores: Scores } {
  const rows = new Rows(layout, ROWS);
  const scores = new Scores(ROWS, { label: false, extras: [] });
  const lane = (): Int32Array => new Int32Array(ROWS);
  const records: RecordBatch = {
    topic: 'in',
    partition: 0,
    count: ROWS,
    buffer: Buffer.alloc(0),
    offsets: Float64Array.from({ length: ROWS }, (_, i) => firstOffset + i),
    timestamps: new Float64Array(ROWS).fill(1.7e12),
    keyStart: lane(),
    keyLength: lane(),
    valueStart: lane(),
    valueLength: lane(),
    headerStart: lane(),
    headerLength: lane(),
    epoch: 1,
    nextOffset: firstOffset + ROWS,
    endOffset: firstOffset + ROWS,
    arrivedAtMs: 0,
    bytes: 0,
  };
  rows.reset([{ records, from: 0, to: ROWS, fromRow: 0 }]);
  for (let row = 0; row < ROWS; row++) scores.score[row] = random();
  return { rows, scores };
}

/** The whole observer: 24 float columns and the score, a flush every 100 batches. @param compared columns that say `compareWith` */
function observer(panes: number, compared = 0): Variant {
  const columns = Array.from({ length: WIDTH }, (_, i) => ({
    name: `x${i}`,
    kind: 'float' as const,
    binding: { from: 'event' as const, path: [`x${i}`] },
    required: false,
    onInvalid: 'flag' as const,
    ...(i < compared && { compareWith: { from: 'event' as const, path: [`other${i}`] } }),
  }));
  const layout = createRowLayout([{ name: 'x', kind: 'float', columns }], { entities: new Map() });
  const draws = Object.values(shapes);
  const batches = Array.from({ length: 32 }, (_, b) => {
    const made = batchFor(layout, b * ROWS);
    for (let i = 0; i < ROWS * WIDTH; i++) made.rows.floats[0]![i] = draws[(i % WIDTH) % draws.length]!();
    for (let row = 0; row < ROWS; row++) made.rows.eventTimeMs[row] = 1.7e12 + (row % panes) * 60_000;
    // One value in 20 differs.
    const value = (i: number): number => made.rows.floats[0]![Math.floor(i / compared) * WIDTH + (i % compared)]!;
    for (let i = 0; i < ROWS * compared; i++) made.rows.floats[1]![i] = i % 20 === 0 ? value(i) + 1 : value(i);
    return made;
  });
  const builder = createReferenceBuilder({ layout, model });
  for (const { rows, scores } of batches) builder.observe(rows, scores);
  const subject = createDriftObserver({
    layout,
    model,
    reference: builder.build(),
    profilesTopic: 'p',
    prefix: Buffer.alloc(5),
    paneMs: 60_000,
    flushIntervalMs: 1e12,
    clock: new ManualClock(1.7e12),
    workerId: 'w',
  });
  const source = { originOf: () => ORIGIN_WITHOUT_GROUP };
  const sink = { committedWith: () => -1 };
  return {
    name: `observer, ${panes} pane${panes > 1 ? 's' : ''} a batch${compared > 0 ? `, ${compared} columns compared` : ''}, flush every 100`,
    updates: ROWS * (WIDTH + 1),
    times: [],
    run: (i) => {
      subject.observe(batches[i % 32]!.rows, batches[i % 32]!.scores, source);
      subject.takeDeltas(i % 100 === 99, sink);
    },
  };
}

const variants: Variant[] = [];
for (const [shape, draw] of Object.entries(shapes))
  for (const way of ['linear', 'bits', undefined] as const) variants.push(kernel(shape, draw, way));
variants.push(words(), observer(1), observer(1, WIDTH), observer(16));

for (const { run } of variants) for (let i = 0; i < 200; i++) run(i);
for (let round = 0; round < ROUNDS; round++) {
  for (const variant of variants) {
    // CPU time: other programs on the machine must not count.
    const started = process.cpuUsage().user;
    for (let i = 0; i < 200; i++) variant.run(i);
    variant.times.push(((process.cpuUsage().user - started) * 1e3) / (200 * variant.updates));
  }
}
const results = variants.map(({ name, times }) => ({ name, nanosPerUpdate: Number(median(times).toFixed(2)), times }));
console.log(`${machineLine(`${ROWS} rows of ${WIDTH} columns`, `${ROUNDS} rounds`, 'medians')}\n`);
console.log(
  table(
    ['values', 'CPU ns a value (range)'],
    results.map(({ name, nanosPerUpdate, times }) => [name, `${nanosPerUpdate.toFixed(1)} (${rangeText(times, 1)})`]),
  ),
);
if (flags.json) console.log(JSON.stringify({ node: process.version, rounds: ROUNDS, results }));
