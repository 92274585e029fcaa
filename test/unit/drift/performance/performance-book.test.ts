import { describe, expect, test } from 'vitest';
import { windowSizeFrom } from '../../../../src/core/window-size.ts';
import { labelledOf, predictionsOf } from '../../../../src/drift/performance/measures.ts';
import {
  PerformanceBook,
  performanceDataOf,
  type PerformanceWindowState,
  LINGER_MS,
  PUBLISH_INTERVAL_MS,
} from '../../../../src/drift/performance/performance-book.ts';
import { deltaOf, HOUR_MS, layout, paneOf, START_MS } from './performing.ts';

const bookOf = (...sizes: string[]): PerformanceBook =>
  new PerformanceBook({ layout, sizes: sizes.map((name) => windowSizeFrom(name)!), ttlMs: HOUR_MS, lingerMs: 0 });

/** Publishes all that is due; by size, hour of the start and arm. */
function publish(book: PerformanceBook, logMs: number): string[] {
  return book.due(logMs).map((window) => {
    const { size, startMs, arm, revision } = window;
    const text = `${size.name} ${(startMs - START_MS) / HOUR_MS} ${arm} ${revision}${book.isOver(window) ? ' final' : ''}`;
    book.published(window, logMs);
    return text;
  });
}

const pane = (hour: number, more: object = {}) => paneOf({ start: START_MS + hour * HOUR_MS, count: 20, labelled: 5, ...more });

describe('a book of performance windows', () => {
  test('adds up panes, and takes back what a correction takes back', () => {
    const book = bookOf('1h');
    const first = pane(0, { from: 100 });
    const label = layout.outcomes;
    book.take(deltaOf([first, pane(0, { seed: 2, from: 300 }), pane(0, { seed: 3, partition: 1 })]), 0);
    book.take(deltaOf([{ ...first, cells: [layout.delays, label], sums: [-1, -1], inputs: [] }]), 5);
    const [window, ...more] = book.due(PUBLISH_INTERVAL_MS);
    expect(more).toEqual([]);
    expect([predictionsOf(layout, window!.cells), labelledOf(layout, window!.cells)]).toEqual([60, 14]);
    expect(performanceDataOf(window!)).toEqual([
      { topic: 'in', partition: 0, fromOffset: 100, toOffset: 320 },
      { topic: 'in', partition: 1, fromOffset: 0, toOffset: 20 },
    ]);
  });

  test('says what is due in an order that does not depend on that of the panes', () => {
    const book = bookOf('1h', '1d');
    book.take(deltaOf([pane(1), pane(0, { arm: 'b' }), pane(0, { arm: 'a' }), pane(1, { arm: 'a' })]), 1_000);
    expect([book.isDue(1_000), book.isWaiting, book.isDue(PUBLISH_INTERVAL_MS + 999)]).toEqual([false, true, false]);
    const day = (windowSizeFrom('1d')!.startOf(START_MS) - START_MS) / HOUR_MS;
    expect(publish(book, PUBLISH_INTERVAL_MS + 1_000)).toEqual([
      ...['1h 0 a 0', '1h 0 b 0', '1h 1 a 0', '1h 1 champion 0'],
      ...[`1d ${day} a 0`, `1d ${day} b 0`, `1d ${day} champion 0`],
    ]);
    expect([book.isWaiting, book.due(1e9)]).toEqual([false, []]);
  });

  test('publishes a window that becomes final once more, and forgets it when nothing can come any more', () => {
    const book = bookOf('1h');
    book.take(deltaOf([pane(0)]), 0);
    expect(publish(book, 10_000)).toEqual(['1h 0 champion 0']);
    // An hour for labels after its end.
    book.take(deltaOf([pane(1.9)]), 20_000);
    expect(publish(book, 30_000)).toEqual(['1h 1 champion 0']);
    book.take(deltaOf([pane(2)]), 40_000);
    expect(publish(book, 50_000)).toEqual(['1h 0 champion 1 final', '1h 2 champion 0']);
    // And an hour, the longest size, for what lags behind.
    book.take(deltaOf([pane(0)]), 60_000);
    expect(publish(book, 61_000)).toEqual(['1h 0 champion 2 final']);
    book.take(deltaOf([pane(3)]), 70_000);
    expect(publish(book, 80_000)).toEqual(['1h 1 champion 1 final', '1h 3 champion 0']);
    expect(book.late).toBe(0);
    book.take(deltaOf([pane(0), pane(1)]), 90_000);
    expect(book.late).toBe(1);
    expect(publish(book, 99_000)).toEqual(['1h 1 champion 2 final']);
  });

  test('keeps a window for a time of the log, however fast event time runs', () => {
    const book = new PerformanceBook({ layout, sizes: [windowSizeFrom('1h')!], ttlMs: HOUR_MS });
    book.take(deltaOf([pane(0)]), 0);
    publish(book, 10_000);
    book.take(deltaOf([pane(1_000)]), 20_000);
    publish(book, 30_000);
    book.take(deltaOf([pane(0), pane(1_001)]), LINGER_MS);
    expect([book.late, publish(book, LINGER_MS + 10_000)[0]]).toEqual([0, '1h 0 champion 2 final']);
    book.take(deltaOf([pane(1_002)]), 2 * LINGER_MS + 20_000);
    book.take(deltaOf([pane(0)]), 2 * LINGER_MS + 20_000);
    expect(book.late).toBe(1);
  });

  test('publishes at once what it lets go unpublished', () => {
    const book = bookOf('1h');
    book.take(deltaOf([pane(0)]), 0);
    book.take(deltaOf([pane(3)]), 1);
    expect(book.isDue(1)).toBe(true);
    expect(publish(book, 1)).toEqual(['1h 0 champion 0 final']);
    expect([...book.unsaved()].map(({ window, state }) => [(window.startMs - START_MS) / HOUR_MS, state === null])).toEqual([
      [0, true],
      [3, false],
    ]);
  });

  test('is saved in what has changed, and goes on from it', () => {
    const book = bookOf('1h', '3h');
    const states = new Map<string, Map<string, PerformanceWindowState>>();
    const save = (): number => {
      const changes = [...book.unsaved()];
      for (const { window, state } of changes) {
        const of = states.get(window.size.name) ?? new Map<string, PerformanceWindowState>();
        states.set(window.size.name, of);
        if (state) of.set(`${window.startMs}|${window.arm}`, JSON.parse(JSON.stringify(state)) as PerformanceWindowState);
        else of.delete(`${window.startMs}|${window.arm}`);
      }
      return changes.length;
    };
    book.take(deltaOf([pane(0), pane(1)]), 0);
    expect(save()).toBe(4 - (windowSizeFrom('3h')!.startOf(START_MS) === windowSizeFrom('3h')!.startOf(START_MS + HOUR_MS) ? 1 : 0));
    expect(save()).toBe(0);
    publish(book, 20_000);
    book.take(deltaOf([pane(1), pane(5)]), 21_000);
    save();
    const next = bookOf('1h', '3h', '1d');
    next.restore(JSON.parse(JSON.stringify(book.save())) as ReturnType<typeof book.save>, (size) => [
      ...(states.get(size)?.values() ?? []),
    ]);
    expect(next.save()).toMatchObject({ ...book.save(), forgottenBeforeMs: { ...book.save().forgottenBeforeMs, '1d': null } });
    expect([...next.unsaved()]).toEqual([]);
    expect(next.due(40_000).map(({ cells }) => cells)).toEqual(book.due(40_000).map(({ cells }) => cells));
    expect(publish(next, 40_000)).toEqual(publish(book, 40_000));
  });
});
