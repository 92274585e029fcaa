import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { table } from '../report.ts';
import { median } from '../statistics.ts';

/** Rounds when nothing is said. */
export const ROUNDS = 5;

/** What a contender needs, medians. */
export interface Result {
  readonly contest: string;
  readonly name: string;
  readonly rowsPerSecond: number;
  readonly cpuMicrosPerRow: number;
  /** Heap that one row takes and leaves behind. */
  readonly allocatedBytesPerRow: number;
}

/** What is compared: each runs over the same records once a call. */
export type Contenders = Readonly<Record<string, () => void>>;

/**
 * Runs contenders in interleaved rounds and gives medians: rows a second, and CPU time of the process a row.
 * @param records records of one call; @param repeats calls in a round
 */
export function contest(title: string, contenders: Contenders, records: number, repeats: number, rounds: number): Result[] {
  const rates = new Map(Object.keys(contenders).map((name) => [name, { perSecond: [] as number[], cpuMicros: [] as number[] }]));
  // Round −1 warms up.
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const started = performance.now();
      const cpu = process.cpuUsage();
      for (let i = 0; i < repeats; i++) run();
      const { user, system } = process.cpuUsage(cpu);
      if (round < 0) continue;
      rates.get(name)!.perSecond.push((records * repeats * 1000) / (performance.now() - started));
      rates.get(name)!.cpuMicros.push((user + system) / (records * repeats));
    }
  }
  return [...rates].map(([name, { perSecond, cpuMicros }]) => ({
    contest: title,
    name,
    rowsPerSecond: Math.round(median(perSecond)),
    cpuMicrosPerRow: Number(median(cpuMicros).toFixed(3)),
    allocatedBytesPerRow: allocated(contenders[name]!, records),
  }));
}

/** Growth of the heap over one call; all of it fits the young generation, which is emptied before. */
function allocated(run: () => void, records: number): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const before = process.memoryUsage().heapUsed;
  run();
  return Math.max(0, Math.round((process.memoryUsage().heapUsed - before) / records));
}

/** All results as a table, each beside the first of its contest. */
export function resultTable(results: readonly Result[]): string {
  return table(
    ['input', 'way', 'M rows/s', 'CPU µs a row', 'CPU, the first = 1', 'bytes allocated a row'],
    results.map(({ contest, name, rowsPerSecond, cpuMicrosPerRow, allocatedBytesPerRow }) => {
      const first = results.find((other) => other.contest === contest)!;
      const ratio = cpuMicrosPerRow / first.cpuMicrosPerRow;
      return [contest, name, (rowsPerSecond / 1e6).toFixed(3), cpuMicrosPerRow.toFixed(2), ratio.toFixed(1), allocatedBytesPerRow];
    }),
  );
}
