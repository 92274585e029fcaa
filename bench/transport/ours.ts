/** The cells of weir: its own source, plan, encoder, producers and sinks, put together as `src/app` does, and its own loop. */
import { createAvroCodec } from '../../src/avro/codec.ts';
import { createEncoder } from '../../src/avro/encoder.ts';
import { systemClock } from '../../src/core/clock.ts';
import { OutputRecords } from '../../src/core/outputs.ts';
import type { Model, Sink } from '../../src/core/ports.ts';
import { wholeOf } from '../../src/core/records.ts';
import { Scores } from '../../src/core/rows.ts';
import { silentLogger, silentMetrics } from '../../src/core/silent.ts';
import { createAtLeastOnceSink } from '../../src/kafka/at-least-once-sink.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { createExactlyOnceSink } from '../../src/kafka/exactly-once-sink.ts';
import { OutputTopics } from '../../src/kafka/output-topics.ts';
import { OutputProducer } from '../../src/kafka/producer.ts';
import { KafkaSource } from '../../src/kafka/source.ts';
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts';
import { MicroBatcher } from '../../src/pipeline/micro-batcher.ts';
import { DEFAULT_RETRY } from '../../src/pipeline/retry.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { createScorer } from '../../src/pipeline/score.ts';
import { createValidator } from '../../src/pipeline/validate.ts';
import { WorkPool } from '../../src/pipeline/work.ts';
import type { CellSpec } from './cell.ts';
import { avro } from './ours-avro.ts';
import { featureLayout, outputPrefix, registry } from './ours-events.ts';
import { FEATURES, MODEL, sampleRecords, scoreOf } from './events.ts';
import { type CellRun, Meter } from './meter.ts';

/** Rows of a micro-batch. */
const MAX_ROWS = 2_048;
/** Records written at once where nothing is read. */
const RECORDS_PER_SEND = 5_000;
/** No more memory than a worker by default, but in bytes, since these records are small. */
const QUEUE = { maxQueuedRows: 200_000, maxQueuedBytes: 33_554_432 } as const;
const TRANSACTION_TIMEOUT_MS = 15_000;

/** Runs one cell of our side. */
export async function runCell(spec: CellSpec): Promise<CellRun> {
  if (spec.task === 'consume') return await consume(spec);
  if (spec.task === 'avro') return await avro(spec, { kafkaOf, sourceOf, sinkOf });
  return spec.task === 'produce' ? await produce(spec) : await both(spec);
}

const kafkaOf = ({ brokers, name }: CellSpec) => createKafka({ brokers, clientId: name, ssl: false }, silentLogger);

function sourceOf(spec: CellSpec, kafka: ReturnType<typeof kafkaOf>): KafkaSource {
  return new KafkaSource({
    kafka,
    groupId: spec.name,
    topic: spec.inputTopic,
    startFrom: 'earliest',
    onOutOfRange: 'fail',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 60_000,
    heartbeatIntervalMs: 3_000,
    maxWaitTimeMs: 100,
    maxBytesPerPartition: 1_048_576,
    ...QUEUE,
    clock: systemClock,
    logger: silentLogger,
  });
}

async function consume(spec: CellSpec): Promise<CellRun> {
  const meter = new Meter(spec);
  const source = sourceOf(spec, kafkaOf(spec));
  /** Partitions that are read to their end; when all are, reading begins again: nothing is committed. */
  const ended = new Set<number>();
  let bytes = 0;
  const onReady = (): void => {
    for (;;) {
      const records = source.take();
      if (!records) break;
      const { count, valueLength } = records;
      for (let i = 0; i < count; i++) bytes += valueLength[i]!;
      if (records.nextOffset >= records.endOffset) ended.add(records.partition);
      source.release([wholeOf(records)]);
      meter.add(count);
    }
    if (ended.size === source.assignment().length && ended.size > 0) {
      ended.clear();
      source.rewind();
    }
    if (source.failure) throw source.failure;
  };
  await source.start({ onReady, onRevoked: () => ended.clear(), onRebalance: async () => {}, onResumed: onReady });
  const run = await meter.done;
  await source.close();
  if (!(bytes > 0)) throw new Error('Nothing was read.');
  return run;
}

async function produce(spec: CellSpec): Promise<CellRun> {
  const meter = new Meter(spec);
  const kafka = kafkaOf(spec);
  const samples = sampleRecords(spec.valueBytes);
  const topics = new OutputTopics(kafka);
  await topics.lookUp([spec.outputTopic]);
  const outputs = new OutputRecords(spec.outputTopic);
  let at = 0;
  const fill = (): OutputRecords => {
    outputs.clear();
    const timestampMs = Date.now();
    for (let i = 0; i < RECORDS_PER_SEND; i++) {
      const { key, value } = samples[at++ % samples.length]!;
      const keyStart = outputs.put(key);
      const valueStart = outputs.put(value);
      outputs.add(-1, timestampMs, keyStart, key.length, valueStart, value.length);
    }
    return outputs;
  };
  if (spec.delivery === 'at-least-once') {
    const producer = new OutputProducer({ kafka, compression: 'none' });
    await producer.start([spec.outputTopic]);
    do await producer.send([fill()]);
    while (!meter.add(RECORDS_PER_SEND));
    await producer.close();
  } else {
    const producer = transactional(spec, kafka);
    await producer.start();
    for (let isOver = false; !isOver; ) {
      await producer.begin();
      const startedMs = performance.now();
      let written = 0;
      do {
        await producer.write([fill()], (topic) => topics.limitsOf(topic));
        written += RECORDS_PER_SEND;
      } while (performance.now() - startedMs < spec.commitIntervalMs);
      await producer.commit({ groupId: spec.name, generationId: -1, memberId: '' }, []);
      isOver = meter.add(written);
    }
    await producer.close();
  }
  return await meter.done;
}

function transactional(spec: CellSpec, kafka: ReturnType<typeof kafkaOf>): TransactionalProducer {
  return new TransactionalProducer({
    kafka,
    transactionalId: spec.name,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    compression: 'none',
  });
}

/** The whole loop of weir, `runPipeline`, with a trivial model and no feature store. */
async function both(spec: CellSpec): Promise<CellRun> {
  const meter = new Meter(spec);
  const kafka = kafkaOf(spec);
  const source = sourceOf(spec, kafka);
  const layout = featureLayout(['eventTime']);
  const model: Model = {
    ...MODEL,
    async run(rows, fromRow, toRow, scores) {
      const matrix = rows.floats[0]!;
      for (let row = fromRow; row < toRow; row++) scores.score[row] = scoreOf(matrix, row * FEATURES);
    },
    createScores: (capacity) => new Scores(capacity, { label: false, extras: [] }),
    close: async () => {},
  };
  const deadLetters = `${spec.outputTopic}-dead`;
  const { sink, topics } = sinkOf(spec, kafka, source);
  await topics.lookUp([spec.outputTopic, deadLetters]);
  await sink.start();
  const stop = new AbortController();
  const counting: Sink = Object.create(sink, {
    emit: {
      value: async (emission: Parameters<Sink['emit']>[0]) => {
        const isWritten = await sink.emit(emission);
        if (isWritten && meter.add(emission.outputs.reduce((sum, o) => sum + (o.topic === spec.outputTopic ? o.count : 0), 0)))
          stop.abort();
        return isWritten;
      },
    },
  }) as Sink;
  const pipeline = runPipeline(
    {
      source,
      sink: counting,
      batcher: new MicroBatcher({ maxRows: MAX_ROWS, maxBytes: 4_194_304, targetMs: 50, maxDelayMs: 10, eager: true }),
      pool: new WorkPool(layout, model, MAX_ROWS),
      codec: createAvroCodec({
        format: 'confluent',
        registry,
        layout,
        tombstones: 'dead-letter',
        clock: systemClock,
        logger: silentLogger,
      }),
      enrich: () => {},
      validate: createValidator(layout, silentMetrics),
      score: createScorer(model),
      drift: undefined,
      encoder: createEncoder({
        layout,
        framing: { prefix: outputPrefix() },
        model: MODEL,
        maxRecordBytes: topics.maxRecordBytes(spec.outputTopic),
        deadLetters: { pipeline: 'bench', worker: spec.name, maxRecordBytes: topics.maxRecordBytes(deadLetters) },
      }),
      topics: { predictions: spec.outputTopic, deadLetters },
      maxInFlight: 4,
      drainTimeoutMs: 10_000,
      retry: DEFAULT_RETRY,
      clock: systemClock,
      logger: silentLogger,
      metrics: silentMetrics,
    },
    stop.signal,
  );
  // A topic that is worked off ends the window.
  let last = -1;
  const watch = setInterval(() => {
    if (source.stats.recordsRead > 0 && source.stats.recordsRead === last && source.stats.queuedRows === 0) meter.end();
    last = source.stats.recordsRead;
  }, 250);
  const run = await Promise.race([meter.done, pipeline.then(() => meter.done)]);
  clearInterval(watch);
  stop.abort();
  await pipeline;
  await sink.close();
  await source.close();
  return run;
}

function sinkOf(spec: CellSpec, kafka: ReturnType<typeof kafkaOf>, source: KafkaSource): { sink: Sink; topics: OutputTopics } {
  const { commitIntervalMs } = spec;
  const common = { commitIntervalMs, clock: systemClock, logger: silentLogger };
  if (spec.delivery === 'exactly-once') {
    const topics = new OutputTopics(kafka);
    const createProducer = () => transactional(spec, kafka);
    return { topics, sink: createExactlyOnceSink({ ...common, createProducer, limitsOf: (topic) => topics.limitsOf(topic), source }) };
  }
  const producer = new OutputProducer({ kafka, compression: 'none' });
  const sink = createAtLeastOnceSink({
    ...common,
    producer,
    topics: [spec.outputTopic],
    source,
  });
  return { topics: producer.topics, sink };
}
