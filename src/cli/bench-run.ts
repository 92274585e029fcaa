import { resolve } from 'node:path';
import { type Progress, runBench } from '../app/bench/bench.ts';
import { loadPipelineFile } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { createLogger } from '../ops/logger.ts';
import { benchText } from './bench-text.ts';
import { EXIT_CODES } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Options of `weir bench`. */
export interface BenchCommandOptions {
  readonly config: string;
  readonly schema?: string;
  /** Records; true: as many as usual. */
  readonly fromTopic?: number | true;
  readonly seconds: number;
  readonly rate: readonly number[];
  readonly targetMs?: number;
  readonly settings: boolean;
  readonly events: number;
  readonly seed: number;
  readonly json?: boolean;
}

const CAPTURED_RECORDS = 100_000;

/** `weir bench`: measures a pipeline without Kafka. Exit code 1 when it was interrupted. @throws WeirError */
export async function benchCommand(options: BenchCommandOptions, terminal: Terminal): Promise<number> {
  const { schema, fromTopic, seconds, rate, settings } = options;
  const config = loadPipelineFile(options.config, terminal.env);
  const logger = createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'warn', name: config.name });
  const stop = new AbortController();
  const onSignal = (): void => {
    // A second one: the person does not want to wait for what is in flight.
    if (stop.signal.aborted) process.exit(EXIT_CODES.fatal);
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const report = await runBench(
      config,
      {
        events: {
          count: options.events,
          seed: options.seed,
          ...(schema === undefined ? {} : { schema: resolve(schema) }),
          ...(fromTopic === undefined ? {} : { fromTopic: fromTopic === true ? CAPTURED_RECORDS : fromTopic }),
        },
        ...{ seconds, settings, rates: rate },
        targetMs: options.targetMs ?? config.batch.targetMs,
        onProgress: (progress) => terminal.progress(progressText(progress)),
      },
      { clock: systemClock, logger, signal: stop.signal },
    );
    if (options.json) terminal.out(JSON.stringify(report));
    else for (const line of benchText(report, terminal.style)) terminal.out(line);
    return report.interrupted ? EXIT_CODES.fatal : EXIT_CODES.ok;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function progressText({ phase, elapsedSeconds, seconds, events }: Progress): string {
  if (elapsedSeconds === undefined || seconds === undefined) return `${phase} …`;
  const so = `${phase}  ${Math.min(seconds, elapsedSeconds).toFixed(1)} of ${seconds} s`;
  return events === undefined ? so : `${so}  ${events.toLocaleString('en')} events`;
}
