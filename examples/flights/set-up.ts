/** The steps before the first flight: build, services, topics, features. */
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Kafka } from 'kafkajs';
import { topicSpecs } from '../../src/app/topics.ts';
import type { PipelineConfig } from '../../src/config/index.ts';
import { type Services, startServices } from '../../src/dev/index.ts';
import type { Cleanup } from './cleanup.ts';
import { EXAMPLE_FOLDER } from './flight-data.ts';
import { loadFeatures } from './load-features.ts';
import { grouped } from './screen.ts';
import type { Steps } from './steps.ts';
import { runProgram, runWeir, startWorkers, stopWorkers, type WeirCommand, type Worker } from './workers.ts';

const ROOT = join(EXAMPLE_FOLDER, '..', '..');
/** Time for workers to settle what they hold after SIGTERM: more than `shutdownTimeoutMs`. */
const DRAIN_MS = 40_000;
/** The same after Ctrl-C, when nobody wants to wait. */
const STOP_MS = 5_000;

/** Compiles weir. @returns the entry file for the workers: the build, or the sources when they do not compile */
export async function build(steps: Steps, runFolder: string): Promise<string> {
  return await steps.run('build', async () => {
    const built = join(ROOT, 'dist', 'src', 'cli', 'main.js');
    const source = join(ROOT, 'src', 'cli', 'main.ts');
    try {
      const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
      await runProgram('tsc', process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.build.json')], { runFolder, env: process.env });
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n').slice(1, 3).join(' ') : String(error);
      return { result: source, done: `does not compile, the workers run from source: ${reason}` };
    }
    if (!existsSync(built)) throw new Error(`the build left no ${built}`);
    return { result: built, done: 'compiled to dist' };
  });
}

/** Brings up Kafka, Redis and a schema registry. */
export async function services(steps: Steps, cleanup: Cleanup): Promise<Services> {
  return await steps.run('services', async (note) => {
    const starting = startServices({ needs: ['kafka', 'redis', 'registry'], log: note });
    // Added before they are up: at Ctrl-C, what is half up must come up before it can be taken down. A start that failed has cleaned up itself.
    cleanup.add('services', () =>
      starting.then(
        (services) => services.stop(),
        () => undefined,
      ),
    );
    const started = await starting;
    return { result: started, done: started.how };
  });
}

/** Creates the topics with weir's own command, the input topic among them: nobody else publishes departures here. */
export async function topics(steps: Steps, command: WeirCommand, partitions: number): Promise<void> {
  await steps.run('topics', async () => {
    await runWeir(command, ['topics', 'apply', '--with-input', String(partitions)]);
    return { result: undefined, done: `created by weir topics apply, ${partitions} partitions` };
  });
}

/** Loads the feature groups in keyed mode. */
export async function features(steps: Steps, config: PipelineConfig): Promise<void> {
  await steps.run('features', async (note) => {
    const rows = await loadFeatures(config, { mode: 'keyed', onProgress: (count) => note(`${grouped(count)} rows`) });
    const groups = Object.entries(config.features);
    return { result: undefined, done: `${grouped(rows)} rows of ${groups.length} groups in Redis, layout ${groups[0]?.[1].layout}` };
  });
}

/** Starts the workers and waits until each of them is ready: model warm, stores reachable, partitions assigned. */
export async function workers(steps: Steps, command: WeirCommand, count: number, cleanup: Cleanup): Promise<Worker[]> {
  return await steps.run('workers', async () => {
    const started = await startWorkers(command, count, ({ name, process }) => cleanup.add(name, () => process.stop(STOP_MS)));
    return { result: started, done: `${started.length} processes in one consumer group, ready` };
  });
}

/** Ends the workers as an operator would, with SIGTERM. @returns what went wrong, one line a worker */
export async function drain(steps: Steps, running: readonly Worker[]): Promise<string[]> {
  return await steps.run('drain', async () => {
    const problems = await stopWorkers(running, DRAIN_MS);
    return { result: problems, done: 'workers have settled what they held, committed and left the group' };
  });
}

/** Draws drift and performance as a page that stays when all else is gone. @returns its path */
export async function report(steps: Steps, command: WeirCommand, model: string): Promise<string> {
  return await steps.run('report', async () => {
    const folder = join(ROOT, '.weir');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${model}-drift.html`);
    await runWeir(command, ['drift', 'report', '--open', '--html', path]);
    return { result: path, done: 'drawn by weir drift report' };
  });
}

/** Leaves a broker of somebody else as it was. */
export async function removeTopics(kafka: Kafka, config: PipelineConfig): Promise<void> {
  const { groupId } = config.kafka;
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = await admin.listTopics();
    const ours = topicSpecs(config).map(({ topic }) => topic);
    await admin.deleteTopics({ topics: ours.filter((topic) => existing.includes(topic)) });
    // A run that failed early has not made the groups: of the workers, and of the mergers and the joining of labels of each model version.
    const { groups } = await admin.listGroups();
    const made = groups
      .map((group) => group.groupId)
      .filter((id) => id === groupId || id.startsWith(`${groupId}-drift-`) || id.startsWith(`${groupId}-labels-`));
    await admin.deleteGroups(made).catch(() => undefined);
  } finally {
    await admin.disconnect();
  }
}
