import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binOf, nextUpFloat32, quantileType7 } from '../../../../src/drift/bins.ts';
import { chiSquareTest } from '../../../../src/drift/tests/chi-square.ts';
import {
  jensenShannonDistance,
  lInfinityDistance,
  populationStabilityIndex,
  totalVariationDistance,
} from '../../../../src/drift/tests/divergence.ts';
import { chiSquareTail, gammaQ, normalTail } from '../../../../src/drift/tests/gamma.ts';
import { kolmogorovTail, ksBounds, ksExactTail, ksPValue } from '../../../../src/drift/tests/kolmogorov-smirnov.ts';
import { alphaPerTest, benjaminiHochberg, rateIncreaseP } from '../../../../src/drift/tests/multiple.ts';
import { wassersteinDistance } from '../../../../src/drift/tests/wasserstein.ts';

interface Binned {
  counts: number[];
  sums: number[];
}
interface Fixtures {
  gammaQ: { a: number; x: number; q: number }[];
  chiSquareTail: { x: number; dof: number; p: number }[];
  normalTail: { z: number; p: number }[];
  divergence: { reference: number[]; current: number[]; psi: number; js: number; tvd: number; lInfinity: number }[];
  chiSquare: { reference: number[]; current: number[]; statistic: number; dof: number; p: number; cramersV: number }[];
  ksExact: { m: number; n: number; d: number; p: number }[];
  kolmogorov: { lambda: number; p: number }[];
  ksBounds: { reference: number[]; current: number[]; lower: number; d: number }[];
  wasserstein: { reference: Binned; current: Binned; distance: number }[];
  benjaminiHochberg: { p: number[]; q: number[] };
  rateIncrease: { x: number; n: number; y: number; m: number; p: number }[];
  quantiles: { values: number[]; probabilities: number[]; quantiles: number[] };
}

const fixtures = JSON.parse(readFileSync(join(import.meta.dirname, '../../../fixtures/drift/statistics.json'), 'utf8')) as Fixtures;

function expectRelative(actual: number | null | undefined, expected: number, tolerance: number): void {
  expect(actual).not.toBeNull();
  expect(Math.abs(actual! - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected));
}

describe('upper tails agree with SciPy', () => {
  test.each(fixtures.gammaQ)('gammaQ($a, $x)', ({ a, x, q }) => expectRelative(gammaQ(a, x), q, 1e-12));
  test.each(fixtures.chiSquareTail)('chi-square $x, dof $dof', ({ x, dof, p }) => expectRelative(chiSquareTail(x, dof), p, 1e-12));
  test.each(fixtures.normalTail)('normal $z', ({ z, p }) => expectRelative(normalTail(z), p, 1e-12));

  test('limits', () => {
    expect(gammaQ(2, 0)).toBe(1);
    expect(gammaQ(2, Number.POSITIVE_INFINITY)).toBe(0);
    expect(gammaQ(-1, 1)).toBeNaN();
    expect(gammaQ(1, -1)).toBeNaN();
  });
});

describe('divergences agree with SciPy', () => {
  test.each(fixtures.divergence)('$reference against $current', ({ reference, current, psi, js, tvd, lInfinity }) => {
    expect(populationStabilityIndex(reference, current)).toBeCloseTo(psi, 12);
    expect(jensenShannonDistance(reference, current)).toBeCloseTo(js, 12);
    expect(totalVariationDistance(reference, current)).toBeCloseTo(tvd, 12);
    expect(lInfinityDistance(reference, current)).toBeCloseTo(lInfinity, 12);
  });

  test('an empty side has no distance', () => {
    for (const measure of [
      populationStabilityIndex,
      jensenShannonDistance,
      totalVariationDistance,
      lInfinityDistance,
      ksBounds,
      chiSquareTest,
    ]) {
      expect(measure([1, 2], [0, 0])).toBeNull();
      expect(measure([0, 0], [1, 2])).toBeNull();
    }
    expect(wassersteinDistance({ counts: [0], sums: [0] }, { counts: [1], sums: [1] })).toBeNull();
  });

  test('bounds and order hold for any counts', () => {
    const counts = fc.array(fc.nat(500), { minLength: 8, maxLength: 8 }).filter((c) => c.some((x) => x > 0));
    fc.assert(
      fc.property(counts, counts, (reference, current) => {
        const tvd = totalVariationDistance(reference, current)!;
        const js = jensenShannonDistance(reference, current)!;
        const { lower, upper } = ksBounds(reference, current)!;
        expect(tvd).toBeGreaterThanOrEqual(0);
        expect(tvd).toBeLessThanOrEqual(1);
        expect(js).toBeLessThanOrEqual(1);
        expect(lower).toBeLessThanOrEqual(tvd + 1e-12);
        expect(lInfinityDistance(reference, current)!).toBeLessThanOrEqual(tvd + 1e-12);
        expect(lower).toBeLessThanOrEqual(upper + 1e-12);
        expect(populationStabilityIndex(reference, current)!).toBeGreaterThanOrEqual(0);
        expect(totalVariationDistance(current, reference)).toBeCloseTo(tvd, 12);
        // Pinsker, in bits, and the upper bound of the divergence by TVD.
        expect(js ** 2).toBeLessThanOrEqual(tvd + 1e-12);
        expect(totalVariationDistance(reference, reference)).toBe(0);
        expect(ksBounds(reference, reference)!.lower).toBe(0);
      }),
    );
  });
});

describe('chi-square agrees with SciPy', () => {
  test.each(fixtures.chiSquare)('$reference against $current', ({ reference, current, statistic, dof, p, cramersV }) => {
    const result = chiSquareTest(reference, current)!;
    expectRelative(result.statistic, statistic, 1e-12);
    expect(result.dof).toBe(dof);
    // The tail itself is exact to 1e-12; the last bits of a statistic of 1,000 move it by 1e-11.
    expectRelative(result.p, p, 1e-11);
    expectRelative(result.cramersV, cramersV, 1e-12);
  });

  test('one unseen category is neither infinite nor certain', () => {
    const result = chiSquareTest([50_000, 50_000, 0], [500, 500, 1])!;
    expect(result.p).toBeGreaterThan(0.5);
  });

  test('needs two columns with something expected', () => {
    expect(chiSquareTest([100, 0], [50, 0])).toBeNull();
    expect(chiSquareTest([12, 7], [12, 7])).toBeNull();
  });
});

describe('Kolmogorov–Smirnov', () => {
  test.each(fixtures.ksExact)('exact p at d $d, $m and $n values', ({ m, n, d, p }) => expectRelative(ksExactTail(d, m, n), p, 1e-8));
  test.each(fixtures.kolmogorov)('limit at $lambda', ({ lambda, p }) => expectRelative(kolmogorovTail(lambda), p, 1e-12));

  test.each(fixtures.ksBounds)('bounds hold D of the raw values ($d)', ({ reference, current, lower, d }) => {
    const bounds = ksBounds(reference, current)!;
    expect(bounds.lower).toBeCloseTo(lower, 12);
    expect(d).toBeGreaterThanOrEqual(bounds.lower - 1e-12);
    expect(d).toBeLessThanOrEqual(bounds.upper + 1e-12);
  });

  test('the method follows the size, and the approximation is near the exact value where they meet', () => {
    expect(ksPValue(0.1, 1000, 1000).method).toBe('exact');
    const stephens = ksPValue(0.06, 1000, 1001);
    expect(stephens.method).toBe('stephens');
    expect(Math.abs(stephens.p - ksExactTail(0.06, 1000, 1001))).toBeLessThan(0.005);
    expect(ksPValue(0, 5, 5).p).toBe(1);
    expect(ksPValue(1, 5, 5).p).toBeCloseTo(2 / 252, 12);
  });
});

describe('Wasserstein', () => {
  test.each(fixtures.wasserstein)('agrees with SciPy on bin means ($distance)', ({ reference, current, distance }) => {
    expectRelative(wassersteinDistance(reference, current), distance, 1e-10);
  });

  test('is 0 on itself and the shift of a shifted copy', () => {
    const reference = { counts: [10, 20, 5], sums: [10, 60, 25] };
    expect(wassersteinDistance(reference, reference)).toBe(0);
    expect(wassersteinDistance({ counts: [4, 0], sums: [20, 0] }, { counts: [0, 9], sums: [0, 63] })).toBe(2);
  });
});

describe('several tests at once', () => {
  test('Benjamini–Hochberg agrees with SciPy and leaves nulls out', () => {
    const { p, q } = fixtures.benjaminiHochberg;
    for (const [i, value] of benjaminiHochberg(p).entries()) expect(value).toBeCloseTo(q[i]!, 12);
    const withNull = benjaminiHochberg([p[0]!, null, ...p.slice(1)]);
    expect(withNull[1]).toBeNull();
    expect(withNull[0]).toBeCloseTo(q[0]!, 12);
  });

  test.each(fixtures.rateIncrease)('rate $x/$n above $y/$m', ({ x, n, y, m, p }) => expectRelative(rateIncreaseP(x, n, y, m), p, 1e-10));

  test('a rate of an empty side, or without variance, proves nothing', () => {
    expect(rateIncreaseP(0, 0, 1, 2)).toBe(1);
    expect(rateIncreaseP(0, 10, 0, 10)).toBe(1);
    expect(rateIncreaseP(10, 10, 10, 10)).toBe(1);
  });

  test('alpha by run time', () => {
    // One minute windows, 30 days, 20 features.
    expectRelative(alphaPerTest(60_000, 30 * 86_400_000, 20), 1.1574e-6, 1e-3);
    // A window longer than the run time does not make everything significant.
    expect(alphaPerTest(90 * 86_400_000, 30 * 86_400_000, 1)).toBeCloseTo(0.05, 12);
  });
});

describe('bins', () => {
  test('quantiles agree with NumPy (linear)', () => {
    const { values, probabilities, quantiles } = fixtures.quantiles;
    const sorted = Float32Array.from(values).sort();
    for (const [i, p] of probabilities.entries()) expectRelative(quantileType7(sorted, p), quantiles[i]!, 1e-12);
  });

  test('nextUp is the very next float32', () => {
    expect(nextUpFloat32(1)).toBe(1 + 2 ** -23);
    expect(nextUpFloat32(-1)).toBe(-1 + 2 ** -24);
    expect(nextUpFloat32(0)).toBe(2 ** -149);
    expect(nextUpFloat32(-0)).toBe(2 ** -149);
    expect(nextUpFloat32(3.4028234663852886e38)).toBe(Number.POSITIVE_INFINITY);
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) => {
        const next = nextUpFloat32(x);
        expect(next).toBeGreaterThan(x);
        expect(Math.fround(next)).toBe(next);
        const between = Math.fround(x + (next - x) / 2);
        expect(between === x || between === next || Object.is(x, -0) || x === 0).toBe(true);
      }),
    );
  });

  test('a value equal to an edge is above it', () => {
    expect([0.5, 1, 1.5, 2, 2.5].map((x) => binOf([1, 2], x))).toEqual([0, 1, 1, 2, 2]);
  });
});
