import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportWindow } from '../../../src/app/drift-export.ts';
import { pinnedOf } from '../../../src/app/profile-pin.ts';
import { readPinnedFile, writePinned } from '../../../src/app/reference-file.ts';
import { cellLayoutOf, MISSING, SKEW_COMPARED, SKEW_MISMATCHED } from '../../../src/drift/cells.ts';
import { compareFeature, type ComparedSide } from '../../../src/drift/comparison.ts';
import { countsReader } from '../../../src/drift/counts-record.ts';
import { decideWindow } from '../../../src/drift/decision.ts';
import { measureFeature } from '../../../src/drift/feature-statistics.ts';
import type { DriftStatistics } from '../../../src/drift/index.ts';
import type { ExportedWindow } from '../../../src/drift/exported-window.ts';
import type { MergerOptions } from '../../../src/drift/merger.ts';
import { parsePinnedProfile, pinnedProfileFrom } from '../../../src/drift/pinned-profile.ts';
import { Window } from '../../../src/drift/window.ts';
import { pipelineFolder } from '../app/pipeline-folder.ts';
import { dataOf, deltasOf, featureOf, feed, HOUR_MS, merged, reference, statisticsOf, WINDOW_START_MS } from './merging.ts';
import { batchOf, type Datum, mergerOf, PREFIX, referenceOf } from './support.ts';

/** Deltas of hours with shifts, and of an hour after them, which closes the last. */
const hours = (...shifts: number[]) =>
  deltasOf(
    [...shifts.map((shift, window) => dataOf(2_500, { window, seed: window + 1, shift })), dataOf(10, { window: shifts.length + 1 })],
    { endOffset: 1e6, isAtomic: true },
  );

const finalsOf = (shifts: number[], options: Partial<MergerOptions>): DriftStatistics[] =>
  merged(hours(...shifts), options).finals.slice(0, shifts.length);

const previous = { windows: 1 };
const delays = (finals: readonly DriftStatistics[]) => finals.map((window) => featureOf(window, 'delay'));

/** An hour in which every second record has a value of a wrong type, and is a dead letter. */
const mistyped = (window: number): Datum[] =>
  dataOf(2_500, { window, seed: window + 1 }).map((d, i) => (i % 2 ? { ...d, wrongTypes: [0], dead: true } : d));

/** Final windows, with their counts. */
function exported(deltas: ReturnType<typeof hours>): ExportedWindow[] {
  const { merger } = mergerOf(reference);
  const batch = batchOf(deltas);
  const windows: ExportedWindow[] = [];
  for (let next = 0; next < batch.count; ) {
    next = merger.apply(batch, next);
    do {
      const outputs = merger.due('final');
      for (const [i, statistics] of statisticsOf(outputs).entries()) {
        const { buffer, valueStart, valueLength } = outputs.find(({ topic }) => topic === 'counts')!;
        const body = buffer.subarray(valueStart[i]! + PREFIX.length, valueStart[i]! + valueLength[i]!);
        windows.push(exportWindow(statistics, null, countsReader.read(Buffer.from(body))!, reference));
      }
    } while (merger.isClosing);
  }
  return windows;
}

describe('windows against the one before', () => {
  test('a step is drift once, then calm; against the reference it is drift for good', () => {
    const finals = finalsOf([0, 0, 25, 25, 25], { previous });
    expect(finals.map(({ referenceKind }) => referenceKind)).toEqual(Array.from({ length: 5 }, () => 'training'));
    expect(delays(finals).map(({ status }) => status)).toEqual(['OK', 'OK', 'DRIFT', 'DRIFT', 'DRIFT']);
    const against = delays(finals).map((feature) => feature.againstPrevious!);
    expect(against.map(({ status }) => status)).toEqual(['INSUFFICIENT_DATA', 'OK', 'DRIFT', 'OK', 'OK']);
    expect(against[0]).toMatchObject({ nReference: 0, tvd: null, p: null });
    expect(against[0]!.reason).toBe(`no counts: the window from ${new Date(WINDOW_START_MS - HOUR_MS).toISOString()}`);
    expect(against[2]).toMatchObject({ nReference: 2_500, reason: expect.stringMatching(/tvd .* >= 0.1; p .* </) });
    expect(against[2]!.psi).toBeGreaterThan(0.2);
    expect(against[2]!.ksLower).toBeGreaterThan(0.3);
    expect(against[3]!.tvd).toBeLessThan(0.1);
    expect(delays(finals)[0]!.againstPinned).toBeNull();
    expect(featureOf(finals[2]!, 'origin').againstPrevious).toMatchObject({ status: 'DRIFT', ksLower: null });
    expect(finals[2]!.prediction.againstPrevious).toMatchObject({ nReference: 2_500 });
  });

  test('which may decide: a step raises no alert then, what goes on changing does', () => {
    const step = finalsOf([0, 0, 25, 25, 25], { previous, decidedBy: 'previous' });
    expect(step.map(({ status }) => status)).toEqual(['INSUFFICIENT_DATA', 'OK', 'DRIFT', 'OK', 'OK']);
    expect(step.map(({ referenceKind }) => referenceKind)).toContain('previous');
    expect(step[2]).toMatchObject({ driftedFeatureNames: ['delay', 'origin'], recommendation: 'continue_monitoring' });
    expect(delays(step)[2]!.reason).toMatch(/^against previous: tvd/);
    // Its measures are against the reference all the same.
    expect(delays(step)[4]!.tvd).toBeGreaterThan(0.2);
    const ramp = finalsOf([0, 25, 50, 75], { previous, decidedBy: 'previous' });
    expect(ramp.at(-1)).toMatchObject({ recommendation: 'retrain_model', alertedFeatureNames: expect.arrayContaining(['delay']) });
  });

  test('or the one so long before, which a daily rhythm needs', () => {
    const rhythm = [0, 25, 50, 0, 25, 50, 0, 25, 50];
    const statuses = (options: Partial<MergerOptions>): string[] =>
      delays(finalsOf(rhythm, { ...options, decidedBy: 'previous' })).map(({ status }) => status);
    expect(statuses({ previous: { agoMs: 3 * HOUR_MS } }).slice(3)).toEqual(Array.from({ length: 6 }, () => 'OK'));
    expect(statuses({ previous: { windows: 3 } }).slice(3)).toEqual(Array.from({ length: 6 }, () => 'OK'));
    expect(statuses({ previous }).slice(3)).toEqual(Array.from({ length: 6 }, () => 'DRIFT'));
  });

  test('is the same whether that window may still change or was let go', () => {
    for (const rule of [previous, { agoMs: 3 * HOUR_MS }]) {
      const shifts = [0, 25, 0, 25, 0, 25];
      const kept = finalsOf(shifts, { previous: rule });
      expect(finalsOf(shifts, { previous: rule, reviseMs: 0 })).toEqual(kept);
      expect(delays(kept).at(-1)!.againstPrevious!.nReference).toBe(2_500);
    }
  });

  test('is taken with the late rows that it has by then, whoever has looked before', () => {
    const chunks = [dataOf(2_500), dataOf(2_500, { window: 1, seed: 2 }), [...dataOf(300, { seed: 3 }), ...dataOf(10, { window: 3 })]];
    const [first, second, late] = deltasOf(chunks, { endOffset: 1e6, isAtomic: true });
    const finalOf = (isLookedAt: boolean): DriftStatistics => {
      const { merger } = mergerOf(reference, { previous });
      feed(merger, [first!, second!], 1_000);
      if (isLookedAt) expect(delays(statisticsOf(merger.due('all')))[0]!.againstPrevious!.nReference).toBe(2_500);
      // Too soon after the first window was published for a revision of it.
      return feed(merger, [late!], 1_000)[0]!;
    };
    expect(delays([finalOf(true)])[0]!.againstPrevious!.nReference).toBe(2_800);
    expect(finalOf(true)).toEqual(finalOf(false));
  });

  test('rates that rose are told against the one before', () => {
    const withoutWind = (window: number) => dataOf(2_500, { window, seed: window + 1 }).map(({ wind: _, ...datum }) => datum);
    const chunks = [dataOf(2_500, { seed: 1 }), withoutWind(1), withoutWind(2), dataOf(10, { window: 4 })];
    const { finals } = merged(deltasOf(chunks, { endOffset: 1e6, isAtomic: true }), { previous });
    const wind = finals.map((window) => featureOf(window, 'wind'));
    expect(wind[1]!.againstPrevious!.reason).toContain('missing rate 1 (reference 0.1');
    expect(wind[2]!.qualityAlarm).toBe(true);
    expect(wind[2]!.againstPrevious!.reason).not.toContain('missing rate');
  });

  test('values of a wrong type are news against the one before only once', () => {
    const chunks = [dataOf(2_500, { seed: 1 }), mistyped(1), mistyped(2), dataOf(10, { window: 4 })];
    for (const reviseMs of [86_400_000, 0]) {
      const { finals } = merged(deltasOf(chunks, { endOffset: 1e6, isAtomic: true }), { previous, reviseMs });
      const features = delays(finals);
      expect(finals.slice(0, 3).map(({ rejected }) => rejected)).toEqual([0, 1_250, 1_250]);
      expect(features.slice(0, 3).map(({ qualityAlarm }) => qualityAlarm)).toEqual([false, true, true]);
      expect(features[2]!.reason).toBe('type mismatch rate 0.5 (reference 0)');
      expect(features.slice(1, 3).map((feature) => feature.againstPrevious!.reason)).toEqual(['type mismatch rate 0.5 (reference 0)', '']);
    }
  });

  test('so is skew, unless the one before has compared no rows', () => {
    const cells = cellLayoutOf(reference);
    const skewed = (compared: number, mismatched: number): Window => {
      const window = new Window(cells, 0, HOUR_MS);
      window.events = window.marks[MISSING] = 2_000;
      window.marks[SKEW_COMPARED] = compared;
      window.marks[SKEW_MISMATCHED] = mismatched;
      return window;
    };
    const now = skewed(2_000, 500);
    const options = { thresholds: { tvd: 0.1, psi: 0.2 }, alpha: 1e-3, minSamples: 1_000 };
    const all = cells.features.map((_, index) => measureFeature(now, index, 1_000));
    const reasonAgainst = (before: Window): string => {
      const side: ComparedSide = { kind: 'previous', with: before, absence: '', measures: [] };
      for (const [index, known] of all.entries()) side.measures.push(compareFeature(now, index, side, known, 1_000));
      return decideWindow(now, all, options, [side]).features[0]!.againstPrevious!.reason;
    };
    expect(reasonAgainst(skewed(1_000, 250))).not.toContain('skew');
    expect(reasonAgainst(skewed(1_000, 50))).toContain('skew rate 0.25 (reference 0.05)');
    expect(reasonAgainst(skewed(0, 0))).toContain('skew rate 0.25 (reference 0)');
  });
});

describe('pinned windows', () => {
  const windows = exported(hours(25, 25, 25));
  const pinned = pinnedProfileFrom(reference, windows.slice(0, 2));

  test('are what later ones are compared with: drift against the training data may be healthy', () => {
    const options = { pinned, decidedBy: 'pinned' } as const;
    const finals = finalsOf([25, 25, 0, 0], options);
    expect(finals.map(({ status, referenceKind }) => [status, referenceKind])).toEqual([
      ['OK', 'pinned'],
      ['OK', 'pinned'],
      ['DRIFT', 'pinned'],
      ['DRIFT', 'pinned'],
    ]);
    expect(finals.at(-1)!.recommendation).toBe('retrain_model');
    expect(delays(finals)[2]!.againstPinned).toMatchObject({ status: 'DRIFT', nReference: 5_000 });
    expect(delays(finals)[2]!.tvd).toBeLessThan(0.1);
    expect(delays(finals)[2]!.reason).toMatch(/^against pinned: tvd/);
    const undecided = finalsOf([25], { pinned, previous });
    expect(delays(undecided)[0]).toMatchObject({ status: 'DRIFT', againstPinned: { status: 'OK' }, againstPrevious: { nReference: 0 } });
    // Values above the domain of the training data are no news to windows that are pinned.
    expect(delays(undecided)[0]!.againstPinned!.reason).toBe('');
  });

  test('are sums of final windows, and their file is read as it was written', () => {
    expect(pinned).toMatchObject({ rows: 5_000, windows: 2, window: '1h', from: WINDOW_START_MS, to: WINDOW_START_MS + 2 * HOUR_MS });
    const file: unknown = JSON.parse(JSON.stringify(pinned));
    expect(parsePinnedProfile(file, reference)).toEqual(pinned);
    const [delay, ...others] = pinned.features;
    for (const [change, message] of [
      [{ rows: 4_999 }, /changed after it was written/],
      [{ features: [{ ...delay!, missing: delay!.missing + 1 }, ...others] }, /changed after it was written/],
      [{ format: 'weir-pinned-profile/9' }, /not valid at format/],
    ] as const)
      expect(() => parsePinnedProfile({ ...pinned, ...change }, reference)).toThrow(message);
    expect(() => parsePinnedProfile(pinned, referenceOf(3_000))).toThrow(/counted in the bins of reference .*; pin windows/);
  });

  test('keep how many values were of a wrong type: that is no news to later windows', () => {
    const chunks = [mistyped(0), mistyped(1), dataOf(10, { window: 3 })];
    const deltas = deltasOf(chunks, { endOffset: 1e6, isAtomic: true });
    const spoilt = pinnedProfileFrom(reference, exported(deltas).slice(0, 2));
    expect(spoilt).toMatchObject({ rows: 2_500, rejected: 2_500 });
    expect(spoilt.features[0]).toMatchObject({ typeMismatches: 2_500, skewCompared: 0, skewMismatched: 0 });
    const [first] = delays(merged(deltas, { pinned: spoilt }).finals);
    expect(first).toMatchObject({ qualityAlarm: true, againstPinned: { status: 'OK', reason: '' } });
    expect(delays(merged(deltas, { pinned }).finals)[0]!.againstPinned!.reason).toContain('type mismatch rate 0.5 (reference 0)');
  });

  test('go through a file, whose name stands before what is wrong with it', async () => {
    const path = join(pipelineFolder({}), 'pinned.json');
    await writePinned(path, pinned);
    expect(await readPinnedFile(path, reference)).toEqual(pinned);
    await expect(readPinnedFile(path, referenceOf(3_000))).rejects.toThrow(`${path}: Pinned windows were counted in the bins`);
    await expect(readPinnedFile(join(path, '../none.json'), reference)).rejects.toMatchObject({ code: 'reference_invalid' });
  });

  test('lie between two times, are of one size, and have counts', () => {
    const [first] = windows;
    const long = { ...first!, window: '1d' };
    const bare = { ...windows[1]!, prediction: { ...windows[1]!.prediction, cells: null } };
    const range = { fromMs: WINDOW_START_MS, toMs: WINDOW_START_MS + 2 * HOUR_MS };
    expect(pinnedOf(reference, { topic: 't', windows: [long, ...windows] }, range)).toEqual({ pinned, drifted: 2, withoutCounts: 0 });
    expect(pinnedOf(reference, { topic: 't', windows: [first!, bare] }, range)).toMatchObject({ pinned: { windows: 1 }, withoutCounts: 1 });
    expect(pinnedOf(reference, { topic: 't', windows }, {}).pinned.rows).toBe(7_500);
    for (const none of [[], [{ ...first!, final: false }], [{ ...first!, referenceId: 'x' }], [bare]])
      expect(() => pinnedOf(reference, { topic: 't', windows: none }, {})).toThrow(/Topic t has no final window with counts/);
    expect(() => pinnedProfileFrom(reference, [first!, long])).toThrow(/of one size/);
    expect(() => pinnedProfileFrom(reference, [])).toThrow(/no windows/);
  });
});
