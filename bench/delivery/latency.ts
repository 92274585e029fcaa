/**
 * Latency of one worker under a paced load, by delivery mode: from the CreateTime of an event to the LogAppendTime of its
 * prediction, and to the moment at which a read_committed consumer receives it (with exactly-once it is seen when its
 * transaction is committed). The flights with their features in Redis and the boosted trees, drift on.
 *
 *     npm run bench -- latency [--rates 200,1000] [--seconds 15] [--rounds 5] [--variants at-least-once,exactly-once-100ms] [--labels] [--quick] [--json]
 *
 * With --labels each flight's arrival is published as well, once it has landed in the time of the events, and the worker joins them.
 * Producer and consumer run in this process, on stock kafkajs; clocks are those of one machine. The first five seconds of
 * each cell are left out. Every round has a worker and topics of its own; rounds of the variants take turns, and the
 * median over the rounds of each quantile is printed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Message } from 'kafkajs';
import { readFlights } from '../../examples/flights/flight-data.ts';
import { createArrivalEncoder, FLIGHT_ARRIVED_SCHEMA, FlightsInTheAir } from '../../examples/flights/flight-arrival.ts';
import { createEventEncoder, FLIGHT_DEPARTED_SCHEMA, flightDeparted } from '../../examples/flights/flight-event.ts';
import { loadFeatures } from '../../examples/flights/load-features.ts';
import { limited, registeredPrefix } from '../../examples/flights/replay.ts';
import { quietKafka } from '../../examples/flights/topic-reader.ts';
import { startWorkers, stopWorkers } from '../../examples/flights/workers.ts';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { loadPipelineFile } from '../../src/config/index.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { KAFKA_VERSION, type Services, startServices } from '../../src/dev/index.ts';
import { machineLine, rangeText, table } from '../report.ts';
import { median, type Quantiles, quantiles } from '../statistics.ts';
import { flightsPipeline, VARIANTS, type Variant } from './variants.ts';

const PARTITIONS = 4;
const WARM_UP_MS = 5_000;
const TICK_MS = 10;
const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

const { values: options } = parseArgs({
  options: {
    rates: { type: 'string', default: '200,1000' },
    seconds: { type: 'string', default: '15' },
    rounds: { type: 'string', default: '5' },
    variants: { type: 'string', default: VARIANTS.map(({ name }) => name).join(',') },
    labels: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const seconds = options.quick ? 5 : Number(options.seconds);
const rounds = options.quick ? 1 : Number(options.rounds);
const rates = options.rates.split(',').map(Number);
const chosen = VARIANTS.filter(({ name }) => options.variants.split(',').includes(name));

/** One cell of one round. */
interface Row {
  readonly delivery: string;
  readonly eventsPerSecond: number;
  readonly events: number;
  readonly appended: Quantiles;
  readonly received: Quantiles;
}

const folder = mkdtempSync(join(tmpdir(), 'weir-latency-'));
const services = await startServices({ needs: ['kafka', 'redis', 'registry'], log: (line) => console.error(line) });
try {
  const rows: Row[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const variant of chosen) rows.push(...(await measure(variant, services, round, rows.length === 0)));
  }
  report(rows);
} finally {
  await services.stop();
  rmSync(folder, { recursive: true });
}

/** Runs one worker through all rates. */
async function measure(
  variant: Variant,
  { kafkaBrokers, redisUrl, registryUrl }: Services,
  round: number,
  isFirst: boolean,
): Promise<Row[]> {
  const name = `latency-${variant.name}-${round}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    KAFKA_BROKERS: kafkaBrokers,
    REDIS_URL: redisUrl,
    SCHEMA_REGISTRY_URL: registryUrl,
    FLIGHTS_PREFIX: name,
    FLIGHTS_KEY_PREFIX: 'latency',
    FLIGHTS_LAYOUT: 'packed',
    FLIGHTS_LABELS: String(options.labels),
    LOG_LEVEL: 'warn',
  };
  const path = flightsPipeline(folder, variant);
  const config = loadPipelineFile(path, env);
  await applyPipelineTopics(config, { dryRun: false, withInput: PARTITIONS, logger: silentLogger });
  if (isFirst) await loadFeatures(config, { mode: 'keyed' });
  const encode = createEventEncoder(await registeredPrefix(registryUrl, config.input.topic, FLIGHT_DEPARTED_SCHEMA));
  const labels = config.labels && {
    topic: config.labels.topic,
    encode: createArrivalEncoder(await registeredPrefix(registryUrl, config.labels.topic, FLIGHT_ARRIVED_SCHEMA)),
    inTheAir: new FlightsInTheAir(),
  };

  /** When each event was created, and what came of it. */
  const created = new Map<string, number>();
  const appendedMs = new Map<string, number>();
  const receivedMs = new Map<string, number>();
  const kafka = quietKafka('latency', config.kafka.brokers);
  const consumer = kafka.consumer({ groupId: `${name}-reader`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [config.output.predictions.topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const nowMs = Date.now();
      for (const { key, timestamp } of batch.messages) {
        const name = key!.toString();
        appendedMs.set(name, Number(timestamp));
        receivedMs.set(name, nowMs);
      }
    },
  });
  const workers = await startWorkers({ entry: MAIN, config: path, runFolder: folder, env }, 1, () => {});
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
  await producer.connect();
  const flights = limited(readFlights());
  const rows: Row[] = [];
  try {
    for (const eventsPerSecond of rates) {
      created.clear();
      const startedMs = performance.now();
      const total = Math.round(eventsPerSecond * (seconds + WARM_UP_MS / 1000));
      const counted: string[] = [];
      for (let sent = 0; sent < total; ) {
        const elapsedMs = performance.now() - startedMs;
        const due = Math.min(total, Math.floor((elapsedMs * eventsPerSecond) / 1000));
        const messages: Message[] = [];
        let nowEventMs = 0;
        const nowMs = Date.now();
        for (; sent < due; sent++) {
          const flight = flights.next().value!;
          const event = flightDeparted(flight);
          labels?.inTheAir.departed([flight]);
          nowEventMs = event.departedAt;
          created.set(event.flightId, nowMs);
          if (elapsedMs >= WARM_UP_MS) counted.push(event.flightId);
          messages.push({ key: event.flightId, value: encode(event), timestamp: String(nowMs) });
        }
        if (messages.length > 0) await producer.send({ topic: config.input.topic, messages, acks: -1 });
        const landed =
          labels?.inTheAir.landed(nowEventMs).map((arrival) => ({ key: arrival.flightId, value: labels.encode(arrival) })) ?? [];
        if (landed.length > 0) await producer.send({ topic: labels!.topic, messages: landed, acks: -1 });
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
      const deadlineMs = performance.now() + 30_000;
      while (counted.some((name) => !receivedMs.has(name))) {
        if (performance.now() > deadlineMs) throw new Error('Predictions are missing 30 s after the last event.');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      rows.push({
        delivery: variant.name,
        eventsPerSecond,
        events: counted.length,
        appended: quantiles(counted.map((name) => appendedMs.get(name)! - created.get(name)!)),
        received: quantiles(counted.map((name) => receivedMs.get(name)! - created.get(name)!)),
      });
      console.error(
        `round ${round} ${variant.name} at ${eventsPerSecond}/s: ${JSON.stringify(rows.at(-1))}, load ${loadavg()[0]!.toFixed(1)}`,
      );
    }
  } finally {
    await producer.disconnect();
    await consumer.disconnect();
    for (const problem of await stopWorkers(workers, 30_000)) console.error(problem);
  }
  return rows;
}

function report(rows: readonly Row[]): void {
  const cells = chosen.flatMap((variant) =>
    rates.map((eventsPerSecond) => {
      const own = rows.filter((row) => row.delivery === variant.name && row.eventsPerSecond === eventsPerSecond);
      const { appended, received } = { appended: medians(own, 'appended'), received: medians(own, 'received') };
      return { delivery: variant.name, eventsPerSecond, appended, received };
    }),
  );
  console.log(`${machineLine(`Kafka ${KAFKA_VERSION}`, `${seconds} s a cell`, `${rounds} rounds`, 'medians')}\n`);
  console.log(
    table(
      [
        'delivery',
        'events/s',
        'to LogAppendTime ms: p50',
        'p95',
        'p99 (range)',
        'to a read_committed reader ms: p50',
        'p95',
        'p99 (range)',
      ],
      cells.map(({ delivery, eventsPerSecond, appended, received }) => [delivery, eventsPerSecond, ...appended, ...received]),
    ),
  );
  if (options.json) console.log(JSON.stringify({ node: process.version, kafka: KAFKA_VERSION, seconds, rounds, rows }));
}

/** The median over the rounds of each quantile; of the last, from which to which it went too. */
function medians(rows: readonly Row[], what: 'appended' | 'received'): (string | number)[] {
  const of = (quantile: keyof Quantiles): number[] => rows.map((row) => row[what][quantile]);
  return [median(of('p50')), median(of('p95')), `${median(of('p99'))} (${rangeText(of('p99'), 0)})`];
}
