import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { parseMetrics, type Sample, sumOf } from '../../examples/flights/worker-metrics.ts';
import {
  type FlightsPipeline,
  flightsPipeline,
  type Prediction,
  publish,
  readPredictions,
  someFlights,
  startWorker,
  type WorkerProcess,
} from '../support/flights.ts';
import { committed, eventually, withAdmin } from '../support/kafka.ts';
import { isRunning, logLines, workerPids } from '../support/pool.ts';
import { uniqueName } from '../support/services.ts';

const running: WorkerProcess[] = [];
const started = new Set<number>();
afterEach(async () => {
  await Promise.all(running.splice(0).map((w) => w.stop('SIGKILL')));
  for (const pid of started) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  started.clear();
});

async function pool(pipeline: Pick<FlightsPipeline, 'env'>, file?: string): Promise<WorkerProcess> {
  const made = await startWorker(pipeline, file);
  running.push(made);
  for (const pids of workerPids(made.log()).values()) for (const pid of pids) started.add(pid);
  return made;
}

const twoWorkers = (): Promise<FlightsPipeline> => flightsPipeline({ FLIGHTS_DELIVERY: 'exactly-once', WEIR_WORKERS: '2' }, 4);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-pool-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Path of a pipeline file of the flights in which a line has been replaced. */
function changedFile(line: string, lines: string): string {
  const text = readFileSync(examplePath('weir.yaml'), 'utf8')
    .replaceAll('schema: schemas/', `schema: ${examplePath('schemas')}/`)
    .replace('package: "models/', `package: "${examplePath('models')}/`);
  expect(text).toContain(`\n${line}\n`);
  const file = join(folder, `${uniqueName('weir')}.yaml`);
  writeFileSync(file, text.replace(`\n${line}\n`, `\n${lines}\n`));
  return file;
}

/** The process of the moment of a worker. */
const pidOf = ({ log }: WorkerProcess, worker: number): number => {
  const pid = workerPids(log()).get(worker)!.at(-1)!;
  started.add(pid);
  return pid;
};

const urlOf = ({ log }: WorkerProcess): string => /"url":"(http[^"]+)"/.exec(log())![1]!;

const metricsOf = async (made: WorkerProcess): Promise<Sample[]> => parseMetrics(await (await fetch(`${urlOf(made)}/metrics`)).text());

const valueOf = (samples: readonly Sample[], name: string, labels: Record<string, string>): number =>
  sumOf(
    samples.filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value)),
    name,
  );

async function recordsIn({ config }: FlightsPipeline): Promise<number> {
  const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(config.output.predictions.topic));
  return offsets.reduce((sum, { high }) => sum + Number(high), 0);
}

async function predicted(pipeline: FlightsPipeline, atLeast: number): Promise<Prediction[]> {
  // Reading them all takes a while: not before they can be there. Control records are counted, too.
  await eventually(async () => (await recordsIn(pipeline)) > atLeast, 90_000);
  let predictions: Prediction[] = [];
  await eventually(async () => {
    predictions = await readPredictions(pipeline);
    return predictions.length >= atLeast;
  }, 90_000);
  return predictions;
}

async function positionsOf({ config }: FlightsPipeline): Promise<number> {
  const positions = await committed(config.kafka.groupId, config.input.topic);
  return [...positions.values()].reduce((a, b) => a + Math.max(b, 0), 0);
}

describe('weir run --workers 2', { timeout: 240_000 }, () => {
  it('shares the partitions, scores everything exactly once while a worker is killed and comes back, and drains as one', async () => {
    // Longer than this test: the groups would not miss the worker that is killed, and no other could join.
    const file = changedFile('  sessionTimeoutMs: "${KAFKA_SESSION_TIMEOUT:-30s}"', '  sessionTimeoutMs: 600s\n  rebalanceTimeoutMs: 600s');
    const pipeline = await twoWorkers();
    const both = await pool(pipeline, file);
    const publishing = publish(pipeline, someFlights(20_000, 3), 4_000);
    await predicted(pipeline, 4_000);
    const before = await metricsOf(both);
    for (const worker of ['0', '1']) expect(valueOf(before, 'weir_assigned_partitions', { worker })).toBe(2);

    const [killed, survivor] = [pidOf(both, 0), pidOf(both, 1)];
    process.kill(killed, 'SIGKILL');
    await eventually(async () => (await fetch(`${urlOf(both)}/readyz`)).status === 503);
    await eventually(() => workerPids(both.log()).get(0)!.length === 2);
    const count = await publishing;
    const all = await predicted(pipeline, count);
    expect([all.length, new Set(all.map((p) => p.predictionId)).size]).toEqual([count, count]);
    await eventually(async () => (await fetch(`${urlOf(both)}/readyz`)).status === 200);
    expect(pidOf(both, 0)).not.toBe(killed);
    expect([pidOf(both, 1), isRunning(survivor)]).toEqual([survivor, true]);

    const more = await publish(pipeline, someFlights(4_000, 7));
    await predicted(pipeline, count + more);
    const samples = await metricsOf(both);
    expect(valueOf(samples, 'weir_pool_workers', { state: 'running' })).toBe(2);
    expect(valueOf(samples, 'weir_pool_restarts_total', { worker: '0', reason: 'killed' })).toBe(1);
    expect(valueOf(samples, 'weir_pool_restarts_total', {})).toBe(1);
    for (const worker of ['0', '1']) {
      expect(valueOf(samples, 'weir_assigned_partitions', { worker })).toBe(2);
      expect(valueOf(samples, 'prediction_latency_seconds_count', { worker })).toBeGreaterThan(0);
      expect(valueOf(samples, 'process_cpu_seconds_total', { worker })).toBeGreaterThan(0);
    }

    await both.drain();
    expect(await positionsOf(pipeline)).toBe(count + more);
    const final = await readPredictions(pipeline);
    expect([final.length, new Set(final.map((p) => p.predictionId)).size]).toEqual([count + more, count + more]);

    // Every worker has come back to its own transactional id, and every line says whose it is.
    const lines = logLines(both.log());
    const group = `${pipeline.config.kafka.groupId}-${hostname()}`;
    expect(lines.flatMap(({ transactionalId }) => transactionalId ?? []).sort()).toEqual([`${group}-0`, `${group}-0`, `${group}-1`]);
    const pids = workerPids(both.log());
    for (const [worker, own] of pids) {
      const said = lines.filter(({ pid }) => own.includes(pid));
      expect(said.length).toBeGreaterThan(3);
      expect(said.every((line) => line.worker === worker)).toBe(true);
      for (const pid of own) expect(isRunning(pid)).toBe(false);
    }
  });

  it('repeats nothing when it is stopped in the middle', async () => {
    const pipeline = await twoWorkers();
    const first = await pool(pipeline);
    const publishing = publish(pipeline, someFlights(20_000, 3), 1_000);
    await predicted(pipeline, 3_000);
    await first.drain();
    const settled = await positionsOf(pipeline);
    expect((await readPredictions(pipeline)).length).toBe(settled);
    const count = await publishing;
    expect(settled).toBeLessThan(count);
    const second = await pool(pipeline);
    const all = await predicted(pipeline, count);
    expect([all.length, new Set(all.map((p) => p.predictionId)).size]).toEqual([count, count]);
    await second.drain();
  });

  it('leaves no orphans when the supervisor is killed: the workers drain and leave by themselves', async () => {
    const pipeline = await twoWorkers();
    const publishing = publish(pipeline, someFlights(12_000, 3), 4_000);
    const both = await pool(pipeline);
    const pids = [pidOf(both, 0), pidOf(both, 1)];
    await predicted(pipeline, 2_000);
    expect(pids.map(isRunning)).toEqual([true, true]);
    expect(await both.stop('SIGKILL')).toBe('SIGKILL');
    await eventually(() => !pids.some(isRunning), 20_000);
    // Drained, not dropped: all that was written is committed, and nobody is left in the group.
    expect((await readPredictions(pipeline)).length).toBe(await positionsOf(pipeline));
    const { groups } = await withAdmin((admin) => admin.describeGroups([pipeline.config.kafka.groupId]));
    expect(groups[0]!.members).toEqual([]);
    const count = await publishing;
    const again = await pool(pipeline);
    const all = await predicted(pipeline, count);
    expect([all.length, new Set(all.map((p) => p.predictionId)).size]).toEqual([count, count]);
    await again.drain();
  });

  it('gives each worker an identity of its own where the pipeline file names one', async () => {
    const file = changedFile('delivery:', 'delivery:\n  transactionalId: "${FLIGHTS_PREFIX}-here"');
    const pipeline = await twoWorkers();
    const prefix = pipeline.env['FLIGHTS_PREFIX'];
    const count = await publish(pipeline, someFlights(2_000, 11));
    const both = await pool(pipeline, file);
    const all = await predicted(pipeline, count);
    expect([all.length, new Set(all.map((p) => p.predictionId)).size]).toEqual([count, count]);
    await both.drain();
    const ids = logLines(both.log()).flatMap(({ transactionalId }) => transactionalId ?? []);
    expect(ids.sort()).toEqual([`${prefix}-here-0`, `${prefix}-here-1`]);
  });
});
