/**
 * `npm run demo`: the flights of 2013 through weir, from nothing to a verdict. `runDemo` shows the whole way; each step
 * is a file beside this one.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPipelineFile } from '../../src/config/index.ts';
import { guardItem, releaseItem } from '../../src/dev/guard.ts';
import { Cleanup } from './cleanup.ts';
import { type DemoOptions, HELP, parseDemoOptions, UsageError } from './demo-options.ts';
import { examplePath } from './flight-data.ts';
import { startMonitor } from './monitor.ts';
import { labelsCatchUp, scoreFlights } from './score-flights.ts';
import { createScreen, type Screen } from './screen.ts';
import * as setUp from './set-up.ts';
import { Steps } from './steps.ts';
import { type RunReport, renderSummary, runResult } from './summary.ts';
import { quietKafka } from './topic-reader.ts';
import { isClean, type RunTopics, verify } from './verify.ts';
import type { WeirCommand } from './workers.ts';

const CONFIG = examplePath('weir.yaml');

async function runDemo(options: DemoOptions, runFolder: string, screen: Screen, cleanup: Cleanup): Promise<RunReport> {
  const startedMs = performance.now();
  const steps = new Steps(screen, cleanup.signal);

  const [entry, services] = await Promise.all([setUp.build(steps, runFolder), setUp.services(steps, cleanup)]);
  // On services of somebody else, a run keeps clear of what earlier runs have left.
  const isGiven = services.how.includes('given');
  const prefix = isGiven ? `flights-${randomBytes(3).toString('hex')}` : 'flights';
  const env = {
    ...process.env,
    KAFKA_BROKERS: services.kafkaBrokers,
    REDIS_URL: services.redisUrl,
    SCHEMA_REGISTRY_URL: services.registryUrl,
    FLIGHTS_PREFIX: prefix,
    FLIGHTS_KEY_PREFIX: `flights-${options.layout}`,
    FLIGHTS_LAYOUT: options.layout,
    FLIGHTS_MODEL: options.model,
    ...(options.hasLabels ? {} : { FLIGHTS_LABELS: 'false' }),
  };
  const config = loadPipelineFile(CONFIG, env);
  const command: WeirCommand = { entry, config: CONFIG, env, runFolder };
  const kafka = quietKafka('flights-demo', config.kafka.brokers);
  const topics: RunTopics = {
    input: config.input.topic,
    predictions: config.output.predictions.topic,
    deadLetters: config.output.deadLetters.topic,
    driftStatistics: config.drift.statisticsTopic,
    ...(config.labels ? { labels: config.labels.topic, performance: config.labels.performanceTopic } : {}),
  };

  await setUp.topics(steps, command, options.partitions);
  if (isGiven && !options.isKept) cleanup.add('topics', () => setUp.removeTopics(kafka, config));
  const [workers] = await Promise.all([setUp.workers(steps, command, options.workers, cleanup), setUp.features(steps, config)]);

  const monitor = await startMonitor(kafka, topics, config.kafka.groupId, workers);
  cleanup.add('monitor', () => monitor.stop());
  const { labelled } = await scoreFlights({ options, config, workers, monitor, screen, signal: cleanup.signal });
  if (config.labels) await labelsCatchUp(steps, { monitor, workers }, labelled);
  const problems = options.isKept ? [] : await setUp.drain(steps, workers);
  for (const problem of problems) screen.print(`  ${screen.paint.bad(problem)}`);
  await monitor.stop();

  const found = await steps.run('verify', async (note) => {
    note('reading the topics back');
    const result = await verify(kafka, topics, `${config.kafka.groupId}-verify-${randomBytes(3).toString('hex')}`);
    return { result, done: 'read back from Kafka, record by record' };
  });
  const reportPath = await setUp.report(steps, command, options.model);
  return {
    model: options.model,
    workers: workers.length,
    totalSeconds: (performance.now() - startedMs) / 1000,
    found,
    topics,
    kafkaBrokers: services.kafkaBrokers,
    redisUrl: services.redisUrl,
    registryUrl: services.registryUrl,
    workerUrls: workers.map(({ url }) => url),
    runFolder,
    reportPath,
    isKept: options.isKept,
    isGiven,
    problems,
  };
}

/** @returns the exit code */
async function main(): Promise<number> {
  const options = parseDemoOptions(process.argv.slice(2));
  if (options.isHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const screen = createScreen(process.stdout, { color: options.hasColor, silent: options.isJson });
  const cleanup = new Cleanup();
  const runFolder = mkdtempSync(join(tmpdir(), 'weir-flights-'));
  guardItem(`path:${runFolder}`);
  let isClear = false;
  let isReported = false;
  const keepLogs = (message: string): void => {
    releaseItem(`path:${runFolder}`);
    process.stderr.write(`${message}\n`);
  };
  process.on('exit', () => screen.close());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const wish = cleanup.interrupt();
      if (wish === 'now') process.exit(130); // the guard ends and removes what is left
      if (wish === 'same') return;
      const line = `  ${screen.paint.warn('stopping …')} ${screen.paint.dim('Ctrl-C again leaves at once')}`;
      // The report's last line stays the last on standard output.
      if (isReported) process.stderr.write(`${line}\n`);
      else screen.print(line);
    });
  }
  try {
    screen.print('', `  ${screen.paint.bold('weir')}: the flights that left New York in 2013, scored as they leave the gate`, '');
    const report = await cleanup.race(runDemo(options, runFolder, screen, cleanup));
    screen.draw([]);
    screen.close(); // before the summary: no escape sequence in the line of JSON
    screen.print(...renderSummary(report, screen.paint));
    process.stdout.write(`${JSON.stringify(runResult(report))}\n`);
    isReported = true;
    if (options.isKept) await cleanup.whenInterrupted();
    isClear = isClean(report.found) && report.problems.length === 0;
    if (!isClear) keepLogs(`The logs are in ${runFolder}`);
    return isClear ? 0 : 1;
  } catch (error) {
    screen.draw([]);
    isClear = cleanup.signal.aborted;
    if (isClear) return 130;
    keepLogs(`\n${error instanceof Error ? error.message : String(error)}\nAll logs are in ${runFolder}`);
    return 1;
  } finally {
    await cleanup.run();
    if (isClear) rmSync(runFolder, { recursive: true, force: true });
    releaseItem(`path:${runFolder}`);
  }
}

// Real path: the folder may be reached through a link.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().then(
    (code) => process.exit(code),
    (error: unknown) => {
      const isUsage = error instanceof UsageError;
      process.stderr.write(`${isUsage ? `${error.message}\nnpm run demo -- --help shows what there is.` : String(error)}\n`);
      process.exit(isUsage ? 2 : 1);
    },
  );
}
