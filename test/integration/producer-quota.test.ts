import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { type LocalService, runKafkaTool, startKafka } from '../../src/dev/index.ts';
import { createKafka } from '../../src/kafka/client.ts';
import {
  flightsPipeline,
  type FlightsPipeline,
  publish,
  readPredictions,
  someFlights,
  startWorker,
  type WorkerProcess,
} from '../support/flights.ts';
import { eventually, withAdmin } from '../support/kafka.ts';

const COUNT = 16_000;
const QUEUED_ROWS = 1_000;
/** A prediction is some 200 bytes, so of 16 000 the smaller part comes through while the test looks on. */
const QUOTA_BYTES_PER_SECOND = 60_000;
/** Longer than the session of 9 s: a member that is held up itself would be put out. */
const LOOK_ON_MS = 10_000;
/** Under the quota the rest would take 20 s; a client waits out at most the throttle that it was told last. */
const FULL_SPEED_MS = 15_000;
/** For the code and its garbage while it warms up; unbounded, all rows would not show here, but in the queue. */
const MORE_MEMORY_BYTES = 150 * 2 ** 20;

let broker: LocalService;
let folder: string;
let file: string;
const running: WorkerProcess[] = [];

beforeAll(async () => {
  // A quota is of the whole broker: on that of the other tests it would hold up their workers, too.
  broker = await startKafka();
  folder = mkdtempSync(join(tmpdir(), 'weir-quota-'));
  file = join(folder, 'weir.yaml');
  const flow = `\n# Small, so that the lag of the test does not fit.\nflow:\n  maxQueuedRows: ${QUEUED_ROWS}\n`;
  const text = readFileSync(examplePath('weir.yaml'), 'utf8')
    .replaceAll('schema: schemas/', `schema: ${examplePath('schemas/')}`)
    .replace('package: "models/', `package: "${examplePath('models/')}`)
    .replace('\n  sessionTimeoutMs:', '\n  clientId: "${CLIENT_ID}"\n  maxBytesPerPartition: 65536\n  sessionTimeoutMs:');
  writeFileSync(file, text + flow);
});
afterAll(async () => {
  await Promise.all(running.map((worker) => worker.stop('SIGKILL')));
  await broker?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Kafka's own command sets it: kafkajs cannot. */
async function setQuota(clientId: string, bytesPerSecond: number | undefined): Promise<void> {
  const change =
    bytesPerSecond === undefined ? ['--delete-config', 'producer_byte_rate'] : ['--add-config', `producer_byte_rate=${bytesPerSecond}`];
  const entity = ['--entity-type', 'clients', '--entity-name', clientId];
  await runKafkaTool('kafka.admin.ConfigCommand', ['--bootstrap-server', broker.endpoint, '--alter', ...entity, ...change]);
}

/** What a worker says of itself, and its memory. */
interface Sample {
  readonly predicted: number;
  readonly queuedRows: number;
  readonly rebalances: number;
  readonly givenUp: number;
  readonly rssBytes: number;
}

async function sample(worker: WorkerProcess): Promise<Sample> {
  const url = /"url":"(http[^"]+)"/.exec(worker.log())![1]!;
  const text = await (await fetch(new URL('/metrics', url))).text();
  const sum = (series: RegExp): number =>
    text
      .split('\n')
      .filter((line) => series.test(line))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  return {
    predicted: sum(/^predictions_total\{/),
    queuedRows: sum(/^weir_queued_rows /),
    rebalances: sum(/^weir_rebalances_total /),
    givenUp: sum(/^weir_transactions_total\{.*given_up/),
    rssBytes: Number(execFileSync('ps', ['-o', 'rss=', '-p', String(worker.child.pid)], { encoding: 'utf8' })) * 1024,
  };
}

/** Ids of the members of the group: one that was put out and came back has another. */
async function members({ config }: FlightsPipeline): Promise<string[]> {
  const kafka = createKafka({ ...config.kafka, clientId: 'test' }, silentLogger);
  const { groups } = await withAdmin((admin) => admin.describeGroups([config.kafka.groupId]), kafka);
  return groups[0]!.members.map(({ memberId }) => memberId);
}

describe('weir run under a producer quota of the brokers', { timeout: 120_000 }, () => {
  it.concurrent.each(['exactly-once', 'at-least-once'])(
    'waits, stays a member and within its bounds, and loses and repeats nothing, %s',
    async (mode) => {
      const settings = { KAFKA_BROKERS: broker.endpoint, FLIGHTS_DELIVERY: mode, CLIENT_ID: mode };
      const pipeline = await flightsPipeline(settings, 2);
      // Of its own for each mode: what was written in the last ten seconds counts, also without a quota.
      await setQuota(mode, QUOTA_BYTES_PER_SECOND);
      const worker = await startWorker(pipeline, file);
      running.push(worker);
      const [membersBefore, before] = [await members(pipeline), await sample(worker)];
      // In small requests: a fetch brings at least one whole batch, whatever its bounds.
      const count = await publish(pipeline, someFlights(COUNT, 11), COUNT);
      await eventually(async () => (await sample(worker)).predicted > 0, 10_000);

      const throttled: Sample[] = [];
      const until = Date.now() + LOOK_ON_MS;
      while (Date.now() < until) {
        throttled.push(await sample(worker));
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const last = throttled.at(-1)!;
      // Brokers let through what ten seconds may bring at once, and only then throttle.
      expect(last.predicted).toBeLessThan(COUNT / 2);
      // What is fetched beyond the bound: one fetch, of up to four times 64 KiB from each of two partitions where batches are cut off.
      for (const { queuedRows } of throttled) expect(queuedRows).toBeLessThanOrEqual(7 * QUEUED_ROWS);
      expect(last.rssBytes - throttled[0]!.rssBytes).toBeLessThan(MORE_MEMORY_BYTES);
      expect([last.rebalances, last.givenUp]).toEqual([before.rebalances, 0]);

      await setQuota(mode, undefined);
      await eventually(async () => (await sample(worker)).predicted >= count, FULL_SPEED_MS);
      expect([await members(pipeline), (await sample(worker)).rebalances]).toEqual([membersBefore, before.rebalances]);
      await worker.drain();
      const ids = (await readPredictions(pipeline)).map((p) => p.predictionId);
      expect([ids.length, new Set(ids).size]).toEqual([count, count]);
    },
  );
});
