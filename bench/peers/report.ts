/** The tables that `npm run bench -- peers` prints, and the object. */
import { median } from '../statistics.ts';
import type { LatencyRun } from './latency.ts';
import type { ThroughputRun } from './throughput.ts';

/** All runs of one worker on one workload. */
export interface Cell {
  readonly workload: string;
  readonly competitor: string;
  /** By round; undefined where it failed. */
  readonly throughput: (ThroughputRun | undefined)[];
  /** By round, then by rate; undefined where it failed. */
  readonly latency: (readonly LatencyRun[] | undefined)[];
}

interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One worker on one workload. */
interface ThroughputRow {
  readonly workload: string;
  readonly worker: string;
  readonly failures: number;
  readonly eventsPerSecond: Figure;
  readonly cpuSecondsPerMillion: Figure;
  readonly brokerCpuSecondsPerMillion: Figure;
  readonly redisCpuSecondsPerMillion: Figure;
  readonly rssMb: Figure;
  readonly otherCores: Figure;
  /** weir ÷ this worker, medians of the ratios of the rounds in which both were measured; undefined for weir itself. */
  readonly weirRatio: { readonly eventsPerSecond: number; readonly cpuSeconds: number } | undefined;
  readonly runs: readonly (ThroughputRun | undefined)[];
}

/** One worker on one workload at one rate. */
interface LatencyRow extends Record<'p50' | 'p95' | 'p99' | 'max' | 'cores', Figure> {
  readonly workload: string;
  readonly worker: string;
  readonly rate: number;
}

const WEIR = 'weir';

/** Rows of the table of full topics. */
export function throughputRows(cells: readonly Cell[]): ThroughputRow[] {
  return cells.flatMap(({ workload, competitor, throughput }) => {
    const runs = throughput.filter((run) => run !== undefined);
    if (runs.length === 0) return [];
    const ours = cells.find((cell) => cell.workload === workload && cell.competitor === WEIR)?.throughput ?? [];
    const figure = (name: NumbersOf<ThroughputRun>): Figure => figureOf(runs.map((run) => run[name]));
    const ratio = (name: NumbersOf<ThroughputRun>): number =>
      medianOf(throughput.flatMap((run, round) => (run && ours[round] ? [ours[round][name] / run[name]] : [])));
    return [
      {
        workload,
        worker: competitor,
        failures: throughput.length - runs.length,
        eventsPerSecond: figure('eventsPerSecond'),
        cpuSecondsPerMillion: figure('cpuSecondsPerMillion'),
        brokerCpuSecondsPerMillion: figure('brokerCpuSecondsPerMillion'),
        redisCpuSecondsPerMillion: figure('redisCpuSecondsPerMillion'),
        rssMb: figure('rssMb'),
        otherCores: figure('otherCores'),
        weirRatio:
          competitor === WEIR ? undefined : { eventsPerSecond: ratio('eventsPerSecond'), cpuSeconds: ratio('cpuSecondsPerMillion') },
        runs: throughput.map((run) => run && withRoundedNumbers(run)),
      },
    ];
  });
}

/** Rows of the table of latencies. */
export function latencyRows(cells: readonly Cell[]): LatencyRow[] {
  return cells.flatMap(({ workload, competitor, latency }) => {
    const runs = latency.filter((run) => run !== undefined);
    return (runs[0] ?? []).map(({ rate }, i) => {
      const figure = (name: 'p50' | 'p95' | 'p99' | 'max' | 'cores'): Figure => figureOf(runs.map((run) => run[i]![name]));
      return {
        ...{ workload, worker: competitor, rate },
        ...{ p50: figure('p50'), p95: figure('p95'), p99: figure('p99'), max: figure('max'), cores: figure('cores') },
      };
    });
  });
}

/** What is not known is a dash. */
export function throughputTable(rows: readonly ThroughputRow[]): string {
  const known = (figure: Figure): string => (Number.isNaN(figure.median) ? '–' : figure.median.toFixed(2));
  return [
    '| workload | worker | events/s (range) | weir ÷ it | CPU-s per million (range) | weir ÷ it | broker CPU-s/M | Redis CPU-s/M | RSS MB | other cores |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => {
      const failed = row.failures > 0 ? `, ${row.failures} failed` : '';
      const { weirRatio: ratio } = row;
      return `| ${[
        row.workload,
        `${row.worker}${failed}`,
        withRange(row.eventsPerSecond, 0),
        ratio?.eventsPerSecond.toFixed(2) ?? '',
        withRange(row.cpuSecondsPerMillion, 2),
        ratio?.cpuSeconds.toFixed(2) ?? '',
        known(row.brokerCpuSecondsPerMillion),
        known(row.redisCpuSecondsPerMillion),
        row.rssMb.median.toFixed(0),
        known(row.otherCores),
      ].join(' | ')} |`;
    }),
  ].join('\n');
}

/** Milliseconds. */
export function latencyTable(rows: readonly LatencyRow[]): string {
  return [
    '| workload | worker | events/s | p50 ms (range) | p95 (range) | p99 (range) | max (range) | cores of the worker |',
    '|---|---|---|---|---|---|---|---|',
    ...rows.map(({ workload, worker, rate, p50, p95, p99, max, cores }) => {
      const latencies = [p50, p95, p99, max].map((figure) => withRange(figure, 0));
      return `| ${[workload, worker, rate, ...latencies, cores.median.toFixed(3)].join(' | ')} |`;
    }),
  ].join('\n');
}

type NumbersOf<T> = { [K in keyof T]-?: T[K] extends number ? K : never }[keyof T];

function figureOf(values: readonly number[]): Figure {
  return { median: rounded(median(values)), min: rounded(Math.min(...values)), max: rounded(Math.max(...values)) };
}

/** Five digits: more than the measurement has. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

function withRoundedNumbers<T extends object>(run: T): T {
  return Object.fromEntries(Object.entries(run).map(([name, value]) => [name, typeof value === 'number' ? rounded(value) : value])) as T;
}

/** NaN of none. */
function medianOf(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : rounded(median(values));
}

function withRange({ median: middle, min, max }: Figure, digits: number): string {
  return `${middle.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
