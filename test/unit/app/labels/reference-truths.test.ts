import { describe, expect, test } from 'vitest';
import { createLabelReader, type LabelsConfig } from '../../../../src/app/labels/label-reader.ts';
import { LabelTable, truthsFrom } from '../../../../src/app/labels/reference-truths.ts';
import { labelsSection } from '../../../../src/config/sections/labels.ts';
import { ManualClock } from '../../../../src/core/clock.ts';
import { createRowLayout } from '../../../../src/core/layout.ts';
import { Rows } from '../../../../src/core/rows.ts';
import { silentLogger } from '../../../../src/core/silent.ts';
import { batchOfRecords } from '../../drift/support.ts';

const DAY_MS = 86_400_000;
const TASK = { kind: 'binary' } as const;

describe('truths of reference rows', () => {
  const waiting = { clock: new ManualClock(), logger: silentLogger, signal: new AbortController().signal };

  /** A table of JSON labels, and the section that they are read by. */
  async function tableOf(
    section: object,
    records: Parameters<typeof batchOfRecords>[0],
  ): Promise<{ table: LabelTable; labels: LabelsConfig }> {
    const labels = labelsSection.parse({
      topic: 'arrivals',
      format: 'json',
      value: 'event.delay',
      positive: { above: 15 },
      ...section,
    }) as LabelsConfig;
    const reader = await createLabelReader({ ...waiting, labels, task: TASK, registry: undefined });
    const table = new LabelTable(labels.ttlMs);
    await table.add(reader, batchOfRecords(records), 0, waiting);
    return { table, labels };
  }
  const record = (key: string | null, value: object | null, timestampMs: number) => ({
    key: key === null ? null : Buffer.from(key),
    value: value && Buffer.from(JSON.stringify(value)),
    timestampMs,
  });
  /** Rows of one batch: keys and event times. */
  function rowsOf(events: readonly (readonly [key: string | null, timeMs: number])[]): Rows {
    const rows = new Rows(createRowLayout([], { entities: new Map() }), events.length);
    const records = batchOfRecords(events.map(([key, timeMs]) => record(key, {}, timeMs)));
    rows.reset([{ records, from: 1, to: events.length, fromRow: 0 }]);
    return rows;
  }

  test('by key, within the time to live; without a value nothing is known', async () => {
    const { table, labels } = await tableOf({ ttlMs: '1d' }, [
      record('UA1', { delay: 40 }, DAY_MS),
      record('UA2', { delay: 3 }, DAY_MS),
      record('UA3', { delay: null }, DAY_MS),
      record('UA4', { delay: 40 }, 5 * DAY_MS),
      record(null, { delay: 40 }, DAY_MS),
      record('UA5', null, DAY_MS),
    ]);
    const rows = rowsOf([['first', 0], ...['UA1', 'UA2', 'UA3', 'UA4', 'UA5', null].map((key) => [key, DAY_MS] as const)]);
    const { task, of } = truthsFrom(table, labels.match, TASK);
    expect(task).toBe(TASK);
    expect([...of(rows)]).toEqual([1, 0, Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });

  test('by the id that the prediction of a record has', async () => {
    const { table, labels } = await tableOf({ match: 'predictionId', id: 'event.of' }, [
      record(null, { of: 'profiles-0-2', delay: 40 }, DAY_MS),
    ]);
    const rows = rowsOf(['a', 'b', 'c', 'd'].map((key) => [key, DAY_MS] as const));
    expect([...truthsFrom(table, labels.match, TASK).of(rows)]).toEqual([Number.NaN, 1, Number.NaN]);
  });

  test('the last label that is near enough holds', () => {
    const table = new LabelTable(100);
    table.put('a', 1_000, 0);
    table.put('a', 1_050, 1);
    table.put('a', 5_000, 0);
    expect([920, 950, 1_000, 1_150, 4_900, 5_101].map((eventTimeMs) => table.truthOf('a', eventTimeMs))).toEqual([
      0,
      1,
      1,
      1,
      0,
      Number.NaN,
    ]);
    expect(table.truthOf('b', 1_000)).toBeNaN();
  });
});
