/**
 * How often drift is told without drift, and how surely with it: windows of random rows are judged by the code that judges those of the
 * merger. Fixed seeds: the same options give the same numbers.
 *
 *     npm run bench -- drift-simulation [--windows 800] [--quick] [--json] [--save]
 */
import { parseArgs } from 'node:util';
import { Random } from '../../src/core/random.ts';
import { windowSizeFrom } from '../../src/core/window-size.ts';
import { FEWEST_PAIRS } from '../../src/drift/over-dispersion.ts';
import type { ReferenceFeature } from '../../src/drift/reference-profile.ts';
import { alphaPerTest } from '../../src/drift/tests/multiple.ts';
import { machineLine, table } from '../report.ts';
import { poissonInterval } from '../statistics.ts';
import { foldedTo, normalFeature, sharesOf, SHIFTS } from './simulated.ts';
import { History } from './simulated-history.ts';

const { values: flags } = parseArgs({
  options: {
    windows: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const WINDOWS = Number(flags.windows ?? (flags.quick ? 200 : 800));
/** References in turn: of a single one false alarms would come in series. */
const REFERENCES = flags.quick ? 1 : 2;
/** Histories from which power is told. */
const REPEATS = flags.quick ? 3 : 10;
const POWER_WINDOWS = 30;
const FEATURES = 20;
const RUN_TIME_DAYS = 30;
const HOUR_MS = 3_600_000;
const SIZE = windowSizeFrom('1h')!;
const WINDOWS_A_RUN = (RUN_TIME_DAYS * 24 * HOUR_MS) / SIZE.longestMs;
/** Windows after which over-dispersion is known. */
const LEARNING = FEWEST_PAIRS + 1;
/** Windows that a row of the table without drift is made of. */
const JUDGED = Math.ceil(WINDOWS / REFERENCES) * REFERENCES;
const alpha = alphaPerTest(SIZE.longestMs, RUN_TIME_DAYS * 24 * HOUR_MS, FEATURES);
const decision = { thresholds: { tvd: 0.1, psi: 0.2 }, alpha, minSamples: 1_000, size: SIZE };

interface Tally {
  significant: number;
  drift: number;
  /** Windows after which an alert stands. */
  alert: number;
  insufficient: number;
}

const references = new Map<string, readonly ReferenceFeature[]>();

/** References of all features; made once, since they take most of the time. */
function referencesOf(rows: number, repeat: number): readonly ReferenceFeature[] {
  const key = `${rows}/${repeat}`;
  const known = references.get(key);
  if (known) return known;
  const random = new Random(rows * 11 + repeat);
  const made = Array.from({ length: FEATURES }, (_, i) => normalFeature(`f${i}`, rows, 16, random));
  references.set(key, made);
  return made;
}

/** Without drift: windows of which any feature is significant, in drift, or alerted. */
function falseAlarms(bins: number, rows: number, times: number, shared: number): { with: Tally; without: Tally; overDispersion: number } {
  const random = new Random(bins * 1_000_003 + rows * 101 + times * 7 + shared);
  const tally = (): Tally => ({ significant: 0, drift: 0, alert: 0, insufficient: 0 });
  const found = { with: tally(), without: tally(), overDispersion: 0 };
  const each = Math.ceil(WINDOWS / REFERENCES);
  for (let repeat = 0; repeat < REFERENCES; repeat++) {
    const features = referencesOf(rows * times, repeat).map((feature) => foldedTo(feature, bins));
    const shares = features.map(sharesOf);
    const history = new History(features, rows * times, random, decision);
    for (let i = -LEARNING; i < each; i++) {
      const verdicts = history.next(shares, rows, shared);
      for (const kind of ['with', 'without'] as const) {
        const { statuses, alerts, isSignificant } = verdicts[kind];
        if (i < 0) continue;
        found[kind].significant += Number(isSignificant);
        found[kind].drift += Number(statuses.includes('DRIFT'));
        found[kind].alert += Number(alerts.includes(true));
        // A window counts as such only when it says nothing of any feature.
        found[kind].insufficient += Number(statuses.every((status) => status === 'INSUFFICIENT_DATA'));
      }
      if (i >= 0) found.overDispersion += verdicts.overDispersion / JUDGED;
    }
  }
  return found;
}

/** With drift in one feature of 20, from a window on: share of windows in DRIFT, and windows until the alert stands. */
function power(
  shift: (typeof SHIFTS)[number],
  rows: number,
  shared: number,
): Record<'with' | 'without', { drift: number; windows: number[] }> {
  const random = new Random(rows * 31 + shared * 7 + SHIFTS.indexOf(shift));
  const found = { with: { drift: 0, windows: [] as number[] }, without: { drift: 0, windows: [] as number[] } };
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const m = 10 * rows;
    const features = [shift.feature(m, random), ...referencesOf(m, 0).slice(1)];
    const before = features.map(sharesOf);
    const after = [shift.shares(features[0]!), ...before.slice(1)];
    const history = new History(features, m, random, decision);
    for (let i = 0; i < LEARNING; i++) history.next(before, rows, shared);
    const raised = { with: POWER_WINDOWS + 1, without: POWER_WINDOWS + 1 };
    for (let i = 1; i <= POWER_WINDOWS; i++) {
      const verdicts = history.next(after, rows, shared);
      for (const kind of ['with', 'without'] as const) {
        found[kind].drift += Number(verdicts[kind].statuses[0] === 'DRIFT') / (POWER_WINDOWS * REPEATS);
        if (verdicts[kind].alerts[0]) raised[kind] = Math.min(raised[kind], i);
      }
    }
    for (const kind of ['with', 'without'] as const) found[kind].windows.push(raised[kind]);
  }
  return found;
}

/** Events per 30 days, with their 95 % interval. */
function per30Days(events: number, windows: number): string {
  const [lower, upper] = poissonInterval(events);
  const text = (x: number): string => {
    const rate = (x / windows) * WINDOWS_A_RUN;
    return rate.toFixed(rate >= 10 ? 0 : rate >= 0.1 || rate === 0 ? 1 : 2);
  };
  return `${text(events)} (${text(lower)}–${text(upper)})`;
}

const nullCases = [
  { bins: 16, n: 500, times: 10 },
  ...[1_000, 5_000, 10_000].flatMap((n) => [10, 100].map((times) => ({ bins: 16, n, times }))),
  { bins: 10, n: 500, times: 10 },
  { bins: 10, n: 1_000, times: 10 },
  { bins: 20, n: 1_000, times: 10 },
  { bins: 20, n: 5_000, times: 10 },
].flatMap((c) => [1, 5, 20].map((shared) => ({ ...c, shared })));
// As many rows as it takes with 20 of them sharing values.
nullCases.push({ bins: 16, n: 25_000, times: 10, shared: 20 });

const nulls = nullCases.map((c) => {
  const began = performance.now();
  const found = falseAlarms(c.bins, c.n, c.times, c.shared);
  console.error(`no drift, K ${c.bins}, n ${c.n}, m ${c.times} n, c ${c.shared}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return { ...c, ...found };
});
const powerCases = [
  ...SHIFTS.flatMap((shift) => [1_000, 10_000].map((n) => ({ shift, n, shared: 1 }))),
  ...SHIFTS.map((shift) => ({ shift, n: 10_000, shared: 5 })),
];
const powers = powerCases.map(({ shift, n, shared }) => {
  const began = performance.now();
  const found = power(shift, n, shared);
  console.error(`${shift.name}, n ${n}, c ${shared}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return { shift: shift.name, n, shared, ...found };
});

const show = ({ significant, drift, alert, insufficient }: Tally): string[] =>
  insufficient === JUDGED ? ['insufficient', '', ''] : [significant, drift, alert].map((events) => per30Days(events, JUDGED));
/** What rows of the table say together: over those that are not insufficient. */
const together = (shared: number, kind: 'with' | 'without'): string[] => {
  const told = nulls.filter((row) => row.shared === shared && row[kind].insufficient < JUDGED);
  return (['significant', 'drift', 'alert'] as const).map((which) =>
    per30Days(
      told.reduce((sum, row) => sum + row[kind][which], 0),
      told.length * JUDGED,
    ),
  );
};
console.log(machineLine(`${FEATURES} features, windows of ${SIZE.name}, expected run time ${RUN_TIME_DAYS} days, ${JUDGED} windows a row`));
console.log();
console.log('Without drift: windows in 30 days (95 % interval) with p < α in some feature, with DRIFT, and with a standing alert:');
console.log();
console.log(
  table(
    ['K', 'n', 'm/n', 'c', 'φ̂ off: p < α', 'DRIFT', 'alert', 'φ̂', 'φ̂ on: p < α', 'DRIFT', 'alert'],
    [
      ...nulls.map((row) => [
        ...[row.bins, row.n, row.times, row.shared],
        ...show(row.without),
        row.overDispersion.toFixed(2),
        ...show(row.with),
      ]),
      ...[1, 5, 20].map((shared) => ['all', '', '', shared, ...together(shared, 'without'), '', ...together(shared, 'with')]),
    ],
  ),
);
console.log();
console.log(`With a change in one feature (K 16, m = 10 n): share of windows in DRIFT, and median of windows until its alert stands:`);
console.log();
const until = (windows: readonly number[]): string => {
  const middle = windows.toSorted((a, b) => a - b)[windows.length >> 1]!;
  return middle > POWER_WINDOWS ? `> ${POWER_WINDOWS}` : String(middle);
};
console.log(
  table(
    ['change', 'n', 'c', 'φ̂ off: DRIFT', 'windows to alert', 'φ̂ on: DRIFT', 'windows to alert'],
    powers.map((row) => [
      ...[row.shift, row.n, row.shared],
      ...[row.without, row.with].flatMap(({ drift, windows }) => [drift.toFixed(2), until(windows)]),
    ]),
  ),
);
if (flags.json) console.log(JSON.stringify({ windows: JUDGED, alpha, nulls, powers }));
