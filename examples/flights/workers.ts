/** The worker processes of the demo: `weir run` as a user would start it, and short commands of weir beside them. */
import { join } from 'node:path';
import { DevServicesError, freePorts, launchOf } from '../../src/dev/index.ts';
import { type ServiceProcess, startProcess, tailOf, waitUntilReady } from '../../src/dev/process.ts';
import { parseMetrics, type Sample } from './worker-metrics.ts';

/** How to call weir. */
export interface WeirCommand {
  /** The entry file: `dist/src/cli/main.js`, or the source when there is no build. */
  readonly entry: string;
  readonly config: string;
  /** What the pipeline file asks of the environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Where logs go. */
  readonly runFolder: string;
}

/** A worker: one member of the consumer group. */
export interface Worker {
  readonly name: string;
  readonly process: ServiceProcess;
  /** `http://127.0.0.1:<port>`, with /livez, /readyz and /metrics. */
  readonly url: string;
}

/** Runs a command of weir to its end. @throws DevServicesError with the end of its output when it fails */
export async function runWeir(command: WeirCommand, args: readonly string[]): Promise<void> {
  const name = `weir ${args.join(' ')}`;
  await runProgram(name, process.execPath, [command.entry, ...args, '--config', command.config], command);
}

/** Runs a program to its end. @throws DevServicesError with the end of its output when it fails */
export async function runProgram(
  name: string,
  program: string,
  args: readonly string[],
  { runFolder, env }: Pick<WeirCommand, 'runFolder' | 'env'>,
): Promise<void> {
  const logFile = join(runFolder, `${name.replace(/\W+/g, '-')}.log`);
  const child = await startProcess({ name, command: program, args, logFile, env });
  const outcome = await child.outcome;
  if (outcome !== 'exit 0') throw new DevServicesError(`${name} ended with ${outcome}. Its last words:\n${tailOf(logFile)}`);
}

/** Starts workers of one consumer group and resolves once all of them say that they are ready. @throws DevServicesError */
export async function startWorkers(command: WeirCommand, count: number, onStarted: (worker: Worker) => void): Promise<Worker[]> {
  const ports = await freePorts(count);
  const launch = launchOf(command.entry);
  const workers = await Promise.all(
    ports.map(async (port, index): Promise<Worker> => {
      const name = `worker ${index + 1}`;
      const child = await startProcess({
        name,
        command: launch.command,
        args: [...launch.options, command.entry, 'run', '--config', command.config],
        logFile: join(command.runFolder, `worker-${index + 1}.log`),
        env: { ...command.env, ...launch.env, WEIR_OPS_PORT: String(port) },
      });
      const worker = { name, process: child, url: `http://127.0.0.1:${port}` };
      onStarted(worker);
      return worker;
    }),
  );
  await Promise.all(workers.map((worker) => waitUntilReady(worker.process, () => isReady(worker), { timeoutMs: 60_000, pollMs: 100 })));
  return workers;
}

/** Rejects as soon as a worker ends by itself; never resolves. */
export async function whenWorkerEnds(workers: readonly Worker[]): Promise<never> {
  const { name, how, logFile } = await Promise.race(
    workers.map(async ({ name, process }) => ({ name, how: await process.outcome, logFile: process.logFile })),
  );
  throw new DevServicesError(`${name} ended (${how}) before its work was done. Its last words:\n${tailOf(logFile)}`);
}

/** Drains and ends the workers. @returns those that did not end by themselves with exit code 0 */
export async function stopWorkers(workers: readonly Worker[], graceMs: number): Promise<string[]> {
  const outcomes = await Promise.all(
    workers.map(async ({ name, process }) => {
      await process.stop(graceMs);
      const how = await process.outcome;
      return how === 'exit 0' ? '' : `${name} ended with ${how}; see ${process.logFile}`;
    }),
  );
  return outcomes.filter((outcome) => outcome !== '');
}

/** Samples of all workers; a worker that does not answer within a second is left out. */
export async function readMetrics(workers: readonly Worker[]): Promise<Sample[]> {
  const answers = await Promise.all(workers.map(({ url }) => get(`${url}/metrics`)));
  return answers.flatMap((answer) => (answer?.ok ? parseMetrics(answer.text) : []));
}

async function isReady({ url }: Worker): Promise<boolean> {
  return (await get(`${url}/readyz`))?.ok ?? false;
}

/** An answer, or undefined when there is none: the worker has not opened its port yet or is too busy. */
async function get(url: string): Promise<{ ok: boolean; text: string } | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    return { ok: response.ok, text: await response.text() };
  } catch {
    return undefined;
  }
}
