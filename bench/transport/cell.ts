/**
 * One cell of `bench/transport` in a process of its own, so that it has its own just-in-time code and CPU clock, and stock
 * kafkajs is not extended by anything of weir. `transport.ts` starts it; it prints one line of JSON.
 */
import type { CellRun, MeterOptions } from './meter.ts';

/**
 * `avro`: consume → Avro → 12 floats → score → Avro of three fields → produce, over the transport alone. `both`: the same with
 * the whole prediction record, on our side through the whole pipeline.
 */
export type Task = 'consume' | 'produce' | 'avro' | 'both';

/** What a cell does. */
export interface CellSpec extends MeterOptions {
  readonly side: 'ours' | 'stock';
  readonly task: Task;
  readonly delivery: 'at-least-once' | 'exactly-once';
  readonly commitIntervalMs: number;
  readonly valueBytes: number;
  readonly brokers: readonly string[];
  readonly inputTopic: string;
  readonly outputTopic: string;
  /** Of its own: names the consumer group and the transactional id. */
  readonly name: string;
}

if (import.meta.main) {
  const spec = JSON.parse(process.argv[2]!) as CellSpec;
  const { runCell } = (await import(spec.side === 'ours' ? './ours.ts' : './stock.ts')) as {
    runCell: (spec: CellSpec) => Promise<CellRun>;
  };
  console.log(JSON.stringify(await runCell(spec)));
  process.exit(0);
}
