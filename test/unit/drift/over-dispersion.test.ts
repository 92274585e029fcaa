import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { windowSizeFrom } from '../../../src/core/window-size.ts';
import { cellLayoutOf } from '../../../src/drift/cells.ts';
import { OverDispersion } from '../../../src/drift/over-dispersion.ts';
import { Window } from '../../../src/drift/window.ts';
import { Windows } from '../../../src/drift/windows.ts';
import { reference } from './merging.ts';

const cells = cellLayoutOf(reference);
const options = { cells, minSamples: 1000, minimum: 1 };
const DELAY = 0;

/** Fills a window with `rows` rows that share values in groups of `shared`; `moved`: share of values of all features that go to the first bin. */
function fill(window: Window, random: Random, rows: number, shared: number, moved = 0): Window {
  window.events = rows;
  for (const { reference: feature, start } of cells.features) {
    const sum = feature.counts.reduce((a, b) => a + b, 0);
    for (let row = 0; row < rows; row += shared) {
      let left = random.next() < moved ? 0 : random.next() * sum;
      let bin = 0;
      while (bin < feature.counts.length - 1 && (left -= feature.counts[bin]!) >= 0) bin++;
      window.counts[start + bin]! += shared;
    }
  }
  return window;
}

function windowsOf(count: number, shared: number, moved: (i: number) => number = () => 0): Window[] {
  const random = new Random(count + shared);
  return Array.from({ length: count }, (_, i) => fill(new Window(cells, i, i + 1), random, 2000, shared, moved(i)));
}

function learned(windows: readonly Window[], minimum = 1): OverDispersion {
  const dispersion = new OverDispersion({ ...options, minimum });
  for (const [i, window] of windows.entries()) dispersion.learn(window, windows[i - 1], i - 1);
  return dispersion;
}

describe('over-dispersion', () => {
  test.each([1, 5, 20])('rows that share a value by %s have as much of it', (shared) => {
    const dispersion = learned(windowsOf(101, shared));
    // Standard error of a median of 100 pairs with 15 degrees of freedom, of which neighbours share a window: 6 %.
    for (const feature of [DELAY, 4]) {
      expect(dispersion.at(101, feature) / shared).toBeGreaterThan(0.8);
      expect(dispersion.at(101, feature) / shared).toBeLessThan(1.2);
    }
  });

  test('drift that lasts is not taken for it, nor a few changes', () => {
    const lasting = learned(windowsOf(101, 1, (i) => (i < 50 ? 0 : 0.3)));
    expect(lasting.at(101, DELAY)).toBeLessThan(1.15);
    const changes = learned(windowsOf(101, 5, (i) => (i % 20 === 0 ? 0.3 : 0)));
    expect(changes.at(101, DELAY)).toBeGreaterThan(4.2);
    expect(changes.at(101, DELAY)).toBeLessThan(6);
  });

  test('30 pairs are needed, and until then, and below, the minimum holds', () => {
    const dispersion = learned(windowsOf(31, 5), 2);
    expect(learned(windowsOf(30, 5), 2).at(31, DELAY)).toBe(2);
    expect(dispersion.at(31, DELAY)).toBeGreaterThan(3.5);
    expect(learned(windowsOf(60, 1), 2).at(60, DELAY)).toBe(2);
  });

  test('a window is judged by those before it; a revision takes the place of what it gave', () => {
    const windows = windowsOf(80, 5);
    const dispersion = learned(windows);
    const expected = dispersion.at(60, DELAY);
    expect(learned(windows.slice(0, 60)).at(60, DELAY)).toBe(expected);
    const saved = JSON.stringify(dispersion.save());
    dispersion.learn(windows[40]!, windows[39], 39);
    expect(JSON.stringify(dispersion.save())).toBe(saved);
    const late = fill(windows[40]!.copy(), new Random(7), 500, 500);
    dispersion.learn(late, windows[39], 39);
    expect(dispersion.save().ratios.map(([start]) => start)).toEqual(Array.from({ length: 79 }, (_, i) => i + 1));
    expect(dispersion.save().ratios[39]![1][DELAY]).toBeGreaterThan(20);
    // One that is older than all that is kept has the oldest.
    expect(dispersion.at(3, DELAY)).toBeGreaterThan(3.5);
  });

  test('too few rows say nothing, and a neighbour that was let go still does', () => {
    const [first, second, third] = windowsOf(3, 1);
    const few = fill(new Window(cells, 2, 3), new Random(1), 700, 1);
    const dispersion = new OverDispersion(options);
    dispersion.learn(first!, undefined, -1);
    expect(dispersion.save().ratios).toEqual([]);
    dispersion.letGo(first!);
    dispersion.learn(second!, undefined, 0);
    expect(dispersion.save().ratios).toEqual(learned([first!, second!]).save().ratios);
    dispersion.learn(few, second, 1);
    expect(dispersion.save().ratios[1]![1]).toEqual([null, expect.any(Number), null, expect.any(Number), null]);
    dispersion.letGo(third!);
    dispersion.letGo(second!);
    expect(dispersion.save().last![0]).toBe(2);
    const restored = new OverDispersion(options);
    restored.restore(JSON.parse(JSON.stringify(dispersion.save())));
    expect(restored.save()).toEqual(dispersion.save());
  });
});

describe('windows', () => {
  test('judge by what was learned from those before, and go on from a saved state with the same numbers', () => {
    const size = windowSizeFrom('1h')!;
    const make = (): Windows =>
      new Windows({ cells, size, alpha: 1e-5, thresholds: { tvd: 0.1, psi: 0.2 }, minSamples: 1000, overDispersion: 1, pending: () => [] });
    const windows = make();
    const random = new Random(3);
    let disturbed = make();
    for (let i = 0; i < 45; i++) {
      const counts = fill(new Window(cells, 0, 1), random, 10_000, 5).counts;
      const decided = [windows, disturbed].map((book) => {
        const open = book.at(i * size.longestMs)!;
        open.window.counts.set(counts);
        open.window.events = 10_000;
        const decision = book.decide(open);
        book.conclude(open);
        open.finals++;
        if (i >= 2) book.forget(book.inOrder()[0]!);
        return { decision, alerts: book.alerts(open) };
      });
      expect(decided[1]).toEqual(decided[0]);
      const [feature] = decided[0]!.decision.features;
      if (i < 31) expect(feature).toMatchObject({ n: 10_000, nEff: 10_000, overDispersion: 1 });
      else {
        expect(feature!.overDispersion).toBeGreaterThan(3.5);
        expect(feature!.nEff).toBe(10_000 / feature!.overDispersion);
      }
      if (i % 7 === 3) {
        const state = JSON.parse(JSON.stringify(disturbed.save()));
        const open = disturbed.inOrder().map((o) => ({ start: o.window.startMs, counts: [...o.window.counts], finals: o.finals }));
        disturbed = make();
        disturbed.restore({ ...state, forgottenBeforeMs: null }, []);
        for (const { start, counts: kept, finals } of open) {
          const again = disturbed.at(start)!;
          again.window.counts.set(kept);
          again.window.events = 10_000;
          again.finals = finals;
        }
      }
    }
    expect(windows.save().overDispersion.ratios).toHaveLength(44);
  });
});
