import { describe, expect, test } from 'vitest';
import { chiSquareTail } from '../../../src/drift/tests/gamma.ts';
import { dataOf, deltasOf, featureOf, HOUR_MS, merged, reference, statisticsOf, WINDOW_START_MS } from './merging.ts';

describe('decision', () => {
  test('the same distribution is OK', () => {
    const [statistics] = statisticsOf(merged(deltasOf([dataOf(5000)])).merger.due('all'));
    expect(statistics).toMatchObject({
      model: 'toy',
      referenceId: reference.referenceId,
      windowStart: WINDOW_START_MS,
      windowEnd: WINDOW_START_MS + HOUR_MS,
      revision: 0,
      final: false,
      events: 5000,
      status: 'OK',
      overallDrift: false,
      driftedFeatures: 0,
      recommendation: 'continue_monitoring',
    });
    expect(statistics!.features.map(({ name, type, status, bins }) => [name, type, status, bins])).toEqual([
      ['delay', 'NUMERIC', 'OK', 16],
      ['day', 'DISCRETE', 'OK', 8],
      ['wind', 'NUMERIC', 'OK', expect.any(Number)],
      ['origin', 'CATEGORICAL', 'OK', 5],
    ]);
    expect(statistics!.prediction).toMatchObject({ name: 'score', status: 'OK', n: 5000, nReference: 20_000 });
    for (const feature of [...statistics!.features, statistics!.prediction]) {
      expect(feature.tvd).toBeLessThan(0.06);
      expect(feature.p).toBeGreaterThan(0.001);
      expect(feature.qBenjaminiHochberg).toBeGreaterThanOrEqual(feature.p!);
    }
    expect(featureOf(statistics!, 'wind').missingRate).toBeCloseTo(0.1, 1);
  });

  test('a shift is drift in the features that moved and in no other', () => {
    const [statistics] = statisticsOf(merged(deltasOf([dataOf(5000, { shift: 25 })])).merger.due('all'));
    expect(statistics).toMatchObject({
      status: 'DRIFT',
      overallDrift: true,
      driftedFeatureNames: ['delay', 'origin'],
      driftedFeatures: 2,
      driftShare: 0.5,
    });
    const delay = featureOf(statistics!, 'delay');
    expect(delay.reason).toMatch(/tvd .* >= 0.1; .*p .* </);
    expect(Math.abs(delay.mean! - delay.meanReference! - 25)).toBeLessThan(1);
    // A shift by s moves every quantile by s: the Wasserstein distance is s / std.
    expect(delay.wasserstein).toBeCloseTo(25 / (40 * 0.5), 1);
    expect(delay.ksLower).toBeLessThanOrEqual(delay.ksUpper!);
    expect(delay.ksLower).toBeLessThanOrEqual(delay.tvd! + 0.02);
    expect(delay.aboveDomainRate).toBeGreaterThan(0);
    expect(featureOf(statistics!, 'day').status).toBe('OK');
    expect(featureOf(statistics!, 'origin')).toMatchObject({ ksLower: null, wasserstein: null, pMethod: 'none' });
  });

  test('few rows are INSUFFICIENT_DATA, however far they moved; half as many suffice for ten bins', () => {
    const [statistics] = statisticsOf(merged(deltasOf([dataOf(700, { shift: 80 })])).merger.due('all'));
    expect(featureOf(statistics!, 'delay')).toMatchObject({ status: 'INSUFFICIENT_DATA', n: 700, p: null, pMethod: 'none' });
    expect(featureOf(statistics!, 'delay').reason).toMatch(/700 values, 1000 needed for 16 bins/);
    expect(featureOf(statistics!, 'delay').tvd).toBeGreaterThan(0.5);
    expect(featureOf(statistics!, 'day').status).toBe('OK');
    expect(featureOf(statistics!, 'origin').status).toBe('DRIFT');
    const [calm] = statisticsOf(merged(deltasOf([dataOf(700)])).merger.due('all'));
    expect(featureOf(calm!, 'day').status).toBe('OK');
    expect(calm!.status).toBe('INSUFFICIENT_DATA');
  });

  test('an empty side has no scores, and a vanished feature raises the quality alarm', () => {
    const data = dataOf(3000).map(({ delay: _, ...rest }) => rest);
    const [statistics] = statisticsOf(merged(deltasOf([data])).merger.due('all'));
    expect(featureOf(statistics!, 'delay')).toMatchObject({
      status: 'INSUFFICIENT_DATA',
      n: 0,
      tvd: null,
      psi: null,
      jsDistance: null,
      ksLower: null,
      wasserstein: null,
      mean: null,
      missingRate: 1,
      qualityAlarm: true,
      reason: expect.stringContaining('missing rate 1 (reference 0)'),
    });
  });

  test('new categories and values out of the domain warn before they drift', () => {
    const data = dataOf(5000).map((d, i) => (i % 25 === 0 ? { ...d, origin: 'SFO', delay: 1e5 } : d));
    const [statistics] = statisticsOf(merged(deltasOf([data])).merger.due('all'));
    expect(statistics!.status).toBe('WARN');
    expect(featureOf(statistics!, 'origin')).toMatchObject({ status: 'WARN', qualityAlarm: true, newCategoryRate: 0.04 });
    expect(featureOf(statistics!, 'delay')).toMatchObject({ status: 'WARN', aboveDomainRate: 0.04, highest: 1e5, lowest: null });
  });

  test('effect without significance warns', () => {
    const data = dataOf(1200, { shift: 4 });
    const options = { thresholds: { tvd: 0.02, psi: 0.2 }, expectedRunTimeDays: 30_000_000 };
    const [statistics] = statisticsOf(merged(deltasOf([data]), options).merger.due('all'));
    expect(featureOf(statistics!, 'delay').status).toBe('WARN');
    expect(featureOf(statistics!, 'delay').reason).toMatch(/tvd .* >= 0.02; p .* >= /);
  });

  test('rows that share values count as fewer: p grows, then the data are insufficient', () => {
    const [plain, shared, scarce] = [1, 4, 20].map(
      (overDispersion) => statisticsOf(merged(deltasOf([dataOf(5000, { shift: 4 })]), { overDispersion }).merger.due('all'))[0]!,
    );
    const delay = featureOf(plain!, 'delay');
    const fewer = featureOf(shared!, 'delay');
    expect(delay).toMatchObject({ n: 5000, nEff: 5000, overDispersion: 1 });
    expect(fewer).toMatchObject({
      n: 5000,
      nEff: 1250,
      overDispersion: 4,
      tvd: delay.tvd,
      chiSquare: delay.chiSquare,
      ksLower: delay.ksLower,
    });
    expect(fewer.chiSquareP).toBeCloseTo(chiSquareTail(delay.chiSquare! / 4, 15), 12);
    // Far out in Kolmogorov's tail ln p is proportional to n.
    expect(Math.log(fewer.ksPUpper! / 2) / Math.log(delay.ksPUpper! / 2)).toBeCloseTo(1 / 4, 2);
    expect(featureOf(scarce!, 'delay')).toMatchObject({
      status: 'INSUFFICIENT_DATA',
      nEff: 250,
      p: null,
      reason: '5000 values as good as 250 independent ones, 1000 needed for 16 bins',
    });
  });

  test('a quality alarm, too, needs more rows where they share values', () => {
    const data = dataOf(2000).map((d, i) => (i % 50 === 0 ? { ...d, origin: 'SFO' } : d));
    const alarm = (overDispersion: number): boolean =>
      featureOf(statisticsOf(merged(deltasOf([data]), { overDispersion }).merger.due('all'))[0]!, 'origin').qualityAlarm;
    expect([alarm(1), alarm(50)]).toEqual([true, false]);
  });

  test('a change of scale without a shift is seen', () => {
    const data = dataOf(5000).map((d) => ({ ...d, delay: d.delay! * 1.4 }));
    const [statistics] = statisticsOf(merged(deltasOf([data])).merger.due('all'));
    expect(featureOf(statistics!, 'delay').status).toBe('DRIFT');
  });

  test('retrain is recommended from drift in two of three windows on, until three in a row are calm', () => {
    const shifts = [0, 15, 0, 15, 0, 0, 0];
    const outputs = deltasOf(shifts.map((shift, window) => dataOf(2000, { shift, window, seed: window + 1 })));
    const { merger, finals } = merged(outputs);
    const all = [...finals, ...statisticsOf(merger.due('all'))];
    expect(all.map(({ overallDrift }) => overallDrift)).toEqual(shifts.map((s) => s > 0));
    expect(all.map(({ recommendation }) => recommendation === 'retrain_model')).toEqual([false, false, false, true, true, true, false]);
    expect(all.map(({ alertedFeatureNames }) => alertedFeatureNames.includes('delay'))).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(featureOf(all[4]!, 'delay')).toMatchObject({ status: 'OK', alert: true });
    expect(featureOf(all[4]!, 'day')).toMatchObject({ status: 'OK', alert: false });
    expect(all[4]!.prediction.alert).toBe(false);
  });

  test('drift of different features in turn is not sustained drift', () => {
    const outputs = deltasOf([
      dataOf(2000, { window: 0 }).map((d) => ({ ...d, day: 7 })),
      dataOf(2000, { window: 1 }).map((d) => ({ ...d, score: 0.9 })),
    ]);
    const { merger, finals } = merged(outputs);
    const all = [...finals, ...statisticsOf(merger.due('all'))];
    expect(all.map(({ overallDrift, recommendation }) => [overallDrift, recommendation])).toEqual([
      [true, 'continue_monitoring'],
      [true, 'continue_monitoring'],
    ]);
    expect(all[1]).toMatchObject({ driftedFeatures: 0, prediction: { status: 'DRIFT' } });
  });
});
