/**
 * A process that copies a topic: `node copy-topic.ts '{"brokers", "topic", "output", "groupId", "count"}'`. It reads with
 * `KafkaSource`, writes with the sink for at-least-once delivery, ends when `count` records are copied and committed, and
 * prints `StockUse`. A process of its own, for WEIR_KAFKAJS_STOCK is read once.
 */
import { argv } from 'node:process';
import { systemClock } from '../../src/core/clock.ts';
import { OutputRecords } from '../../src/core/outputs.ts';
import { positionAfter, type RecordBatch, wholeOf } from '../../src/core/records.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { createAtLeastOnceSink } from '../../src/kafka/at-least-once-sink.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { OutputProducer } from '../../src/kafka/producer.ts';
import { kafkajsInternal } from '../../src/kafka/protocol/guard.ts';
import { KafkaSource } from '../../src/kafka/source.ts';

/** What to copy. */
export interface CopyOptions {
  readonly brokers: string;
  readonly topic: string;
  readonly output: string;
  readonly groupId: string;
  readonly count: number;
}

/** What stock kafkajs did. */
export interface StockUse {
  /** Calls of its `Broker`. */
  readonly fetch: boolean;
  readonly offsetFetch: boolean;
  /** Encoded the records. */
  readonly produce: boolean;
  /** Its request queue armed timers while nothing was pending. */
  readonly idleTimer: boolean;
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

/** Watches kafkajs from the inside. */
function watchStock(): () => StockUse {
  const called = new Set<string>();
  const watch = (path: string, methods: readonly string[]): void => {
    const { prototype } = kafkajsInternal<{ prototype: Methods }>(path);
    for (const name of methods) {
      const method = prototype[name]!;
      prototype[name] = function watched(...args): unknown {
        called.add(name);
        return method.apply(this, args);
      };
    }
  };
  watch('src/broker/index.js', ['fetch', 'offsetFetch']);
  const queue = kafkajsInternal<{ prototype: Methods }>('src/network/requestQueue/index.js').prototype;
  const schedule = queue['scheduleCheckPendingRequests'];
  const { requests } = kafkajsInternal<{ requests: Record<string, unknown> }>('src/protocol/requests/index.js');
  const produce = requests['Produce'];
  return () => ({
    fetch: called.has('fetch'),
    offsetFetch: called.has('offsetFetch'),
    produce: requests['Produce'] === produce,
    idleTimer: queue['scheduleCheckPendingRequests'] === schedule,
  });
}

async function copyTopic({ brokers, topic, output, groupId, count }: CopyOptions): Promise<void> {
  const kafka = createKafka({ brokers: brokers.split(','), clientId: 'copy', ssl: false }, silentLogger);
  const source = new KafkaSource({
    ...{ kafka, topic, groupId, clock: systemClock, logger: silentLogger },
    ...{ startFrom: 'earliest', onOutOfRange: 'fail', maxQueuedRows: 1_000, maxQueuedBytes: 1 << 22, maxBytesPerPartition: 65_536 },
    ...{ sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 20_000, heartbeatIntervalMs: 300, maxWaitTimeMs: 50 },
  });
  const sink = createAtLeastOnceSink({
    producer: new OutputProducer({ kafka, compression: 'gzip' }),
    topics: [output],
    source,
    ...{ commitIntervalMs: 100, clock: systemClock, logger: silentLogger },
  });
  await sink.start();
  let ready = Promise.withResolvers<void>();
  await source.start({
    onReady: () => ready.resolve(),
    onRevoked: () => {},
    onRebalance: async () => {},
    onResumed: () => {},
  });
  for (let copied = 0; copied < count; ) {
    if (source.failure) throw source.failure;
    const batch = source.take();
    if (!batch) {
      await ready.promise;
      ready = Promise.withResolvers<void>();
      continue;
    }
    const slice = wholeOf(batch);
    await sink.emit({ outputs: [outputsOf(output, batch)], positions: [positionAfter(slice)], isClosing: false });
    source.release([slice]);
    copied += batch.count;
  }
  await sink.flush();
  await sink.close();
  await source.close();
}

/** The records of a batch as they are, each for the partition with the same number. */
function outputsOf(topic: string, batch: RecordBatch): OutputRecords {
  const outputs = new OutputRecords(topic);
  const put = (start: number, length: number): number => outputs.put(batch.buffer, start, Math.max(0, length));
  for (let i = 0; i < batch.count; i++) {
    const [keyLength, valueLength, headerLength] = [batch.keyLength[i]!, batch.valueLength[i]!, batch.headerLength[i]!];
    const keyStart = put(batch.keyStart[i]!, keyLength);
    const valueStart = put(batch.valueStart[i]!, valueLength);
    const headerStart = put(batch.headerStart[i]!, headerLength);
    outputs.add(batch.partition, batch.timestamps[i]!, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength);
  }
  return outputs;
}

const stockUse = watchStock();
await copyTopic(JSON.parse(argv[2]!) as CopyOptions);
process.stdout.write(JSON.stringify(stockUse()));
