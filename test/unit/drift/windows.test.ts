import { describe, expect, test } from 'vitest';
import { windowSizeFrom } from '../../../src/core/window-size.ts';
import { cellLayoutOf, MARKS } from '../../../src/drift/cells.ts';
import { Windows } from '../../../src/drift/windows.ts';
import { HOUR_MS, reference } from './merging.ts';

const previous = { windows: 1 };

describe('a book of windows', () => {
  const size = windowSizeFrom('1h')!;
  const cells = cellLayoutOf(reference);
  const rest = { cells, size, alpha: 1e-3, thresholds: { tvd: 0.1, psi: 0.2 }, minSamples: 10, overDispersion: 1, pending: () => [] };
  const pinned = { counts: new Float64Array(cells.cells), marks: new Float64Array(100), rejected: 0, pinnedId: 'a' };

  test('measures one feature against one thing at a time', () => {
    const steps = (options: object): number => {
      const windows = new Windows({ ...rest, ...options });
      const open = windows.at(0)!;
      let count = 0;
      while (windows.measureNext(open)) count++;
      return count;
    };
    expect([{}, { previous }, { previous, pinned }].map(steps)).toEqual([5, 10, 15]);
  });

  test('keeps alerts of the comparison that decides, and begins them anew with another', () => {
    const alertsOf = (state: object, options: object): unknown => {
      const windows = new Windows({ ...rest, ...options });
      windows.restore({ ...new Windows(rest).save(), ...state }, []);
      return windows.save().alerts;
    };
    const alerts = [[0, 'DDDDD', ['!DD0', '!DD0', '!DD0', '!DD0', '!DD0']]];
    expect(alertsOf({ alerts }, {})).toEqual(alerts);
    expect(alertsOf({ alerts, decidedBy: undefined }, {})).toEqual(alerts);
    expect(alertsOf({ alerts }, { previous, decidedBy: 'previous' })).toEqual([]);
    expect(alertsOf({ alerts, decidedBy: 'pinned a' }, { pinned, decidedBy: 'pinned' })).toEqual(alerts);
    expect(alertsOf({ alerts, decidedBy: 'pinned b' }, { pinned, decidedBy: 'pinned' })).toEqual([]);
  });

  test('forgets counts that no later window is compared with', () => {
    const windows = new Windows({ ...rest, previous: { windows: 2 } });
    const dropped = [0, 1, 2, 3, 4].map((i) => {
      const open = windows.at(i * HOUR_MS)!;
      windows.conclude(open);
      open.finals++;
      return windows.forget(open);
    });
    expect(dropped).toEqual([[], [], [0], [HOUR_MS], [2 * HOUR_MS]]);
    const states = [...windows.past.unsaved()];
    expect(states.map(({ start }) => start)).toEqual([3 * HOUR_MS, 4 * HOUR_MS]);
    expect([...windows.past.unsaved()]).toEqual([]);
    const next = new Windows({ ...rest, previous: { windows: 2 } });
    next.restore(windows.save(), [], [{ ...states[0]!, marks: [1] }, states[1]!]);
    expect([3, 4].map((i) => next.past.at(i * HOUR_MS) !== undefined)).toEqual([false, true]);
  });

  test('reads counts that an older weir has saved, with fewer marks', () => {
    const windows = new Windows({ ...rest, previous });
    const features = cells.features.length;
    const [older, newer] = [8, 12].map((each) => Array.from({ length: features * each }, (_, at) => at));
    windows.past.restore([
      { start: 0, cells: [1], counts: [7], marks: older! },
      { start: HOUR_MS, cells: [], counts: [], marks: newer! },
    ]);
    expect(windows.past.at(HOUR_MS)).toBeUndefined();
    const past = windows.past.at(0)!;
    expect([past.rejected, past.counts[1], past.marks.length]).toEqual([0, 7, features * MARKS.length]);
    expect([...past.marks.subarray(MARKS.length)].slice(0, MARKS.length)).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0]);
  });
});
