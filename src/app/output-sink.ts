import type { Kafka } from 'kafkajs';
import type { PipelineConfig } from '../config/index.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger, Sink } from '../core/ports.ts';
import { createAtLeastOnceSink } from '../kafka/at-least-once-sink.ts';
import { createExactlyOnceSink } from '../kafka/exactly-once-sink.ts';
import { OutputTopics } from '../kafka/output-topics.ts';
import { OutputProducer } from '../kafka/producer.ts';
import type { KafkaSource } from '../kafka/source.ts';
import { TransactionalProducer } from '../kafka/transactional-producer.ts';
import { takeWorkerSlot, type WorkerSlot } from './worker-slot.ts';

/** What the way out of a worker is made of. */
export interface OutputSinkOptions {
  readonly config: PipelineConfig;
  readonly kafka: Kafka;
  readonly source: KafkaSource;
  /** Every topic that is written. */
  readonly topics: readonly string[];
  /** Told of the end of each transaction. */
  readonly onTransaction: (outcome: 'committed' | 'given_up', seconds: number) => void;
  /** Number of the worker in its pool of processes; absent when it is alone. */
  readonly placeInPool?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The sink of a worker, and what its topics accept. */
export interface OutputSink {
  readonly sink: Sink;
  readonly topics: OutputTopics;
}

/** Makes the sink that `delivery.mode` asks for; it is not started. @throws WeirError `state_invalid` when no worker slot can be had */
export async function createOutputSink(options: OutputSinkOptions): Promise<OutputSink> {
  const { sink, topics } = options.config.delivery.mode === 'exactly-once' ? await exactlyOnce(options) : atLeastOnce(options);
  return {
    topics,
    sink: {
      ...sink,
      get failure() {
        return sink.failure;
      },
      async emit(emission) {
        for (const { partition } of emission.positions) await topics.expect(partition);
        return await sink.emit(emission);
      },
    },
  };
}

/**
 * The identity under which a worker writes. Workers of a pool share a pipeline file: each adds its number to what is
 * configured there, and looks for a free slot from its number on.
 */
async function identity({ config, placeInPool }: OutputSinkOptions): Promise<WorkerSlot> {
  const { transactionalId } = config.delivery;
  if (transactionalId === undefined) return takeWorkerSlot(config.kafka.groupId, { from: placeInPool ?? 0 });
  return { id: placeInPool === undefined ? transactionalId : `${transactionalId}-${placeInPool}`, release: async () => {} };
}

async function exactlyOnce(options: OutputSinkOptions): Promise<OutputSink> {
  const { config, kafka, source, topics, onTransaction, clock, logger } = options;
  const { commitIntervalMs, transactionTimeoutMs } = config.delivery;
  const slot = await identity(options);
  logger.info({ transactionalId: slot.id }, 'delivering exactly once');
  const outputTopics = new OutputTopics(kafka);
  const { compression } = config.output.predictions;
  const sink = createExactlyOnceSink({
    createProducer: () => new TransactionalProducer({ kafka, transactionalId: slot.id, transactionTimeoutMs, compression }),
    limitsOf: (topic) => outputTopics.limitsOf(topic),
    source,
    commitIntervalMs,
    onTransaction,
    clock,
    logger,
  });
  return {
    topics: outputTopics,
    sink: {
      ...sink,
      get failure() {
        return sink.failure;
      },
      async start() {
        await outputTopics.lookUp(topics);
        await sink.start();
      },
      async close() {
        await sink.close();
        await slot.release();
      },
    },
  };
}

function atLeastOnce({ config, kafka, source, topics, clock, logger }: OutputSinkOptions): OutputSink {
  const producer = new OutputProducer({ kafka, compression: config.output.predictions.compression });
  const sink = createAtLeastOnceSink({
    producer,
    topics,
    source,
    // With the counts for drift, which it has out first.
    commitIntervalMs: Math.max(config.delivery.commitIntervalMs, config.drift.enabled ? config.drift.flushIntervalMs : 0),
    clock,
    logger,
  });
  return { sink, topics: producer.topics };
}
