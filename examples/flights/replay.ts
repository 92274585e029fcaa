/** Publishes the departures of 2013 in event-time order, as a producer outside of weir would. */
import { CompressionTypes, type Message } from 'kafkajs';
import { createRegistryClient } from '../../src/avro/registry-client.ts';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { type FlightRecord, readFlights } from './flight-data.ts';
import { createEventEncoder, FLIGHT_DEPARTED_SCHEMA, flightDeparted } from './flight-event.ts';
import { quietKafka } from './topic-reader.ts';

/** Records of one request. About 130 bytes each, so a request stays below 1 MB even if all went to one partition. */
const RECORDS_PER_SEND = 5_000;
/** A paced replay sends this often. */
const SENDS_PER_SECOND = 20;

/** What to publish and where. */
export interface ReplayOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Schema registry (Confluent API); the schema is registered as `<topic>-value` and each value carries its id. */
  readonly registryUrl: string;
  /** Flights to publish, from the first of January on; all when absent. */
  readonly limit?: number;
  /** Pace; as fast as `awaitRoom` lets when absent. */
  readonly eventsPerSecond?: number;
  /** Called before each request with the number published so far; publishing goes on when it resolves. */
  readonly awaitRoom?: (published: number) => Promise<void>;
  /** Called after each acknowledged request. */
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Ends the replay early, after the request under way. */
  readonly signal?: AbortSignal;
  /** Where flights come from; the files of `data/` when absent. */
  readonly flights?: Iterable<FlightRecord>;
}

/** How far a replay has come. */
export interface ReplayProgress {
  /** Events acknowledged by all in-sync replicas. */
  readonly published: number;
  /** Departure of the last of them, milliseconds since the epoch. */
  readonly eventTimeMs: number;
}

/**
 * Publishes flights keyed by flightId, sorted by departure. The record timestamp is the moment of sending, so that
 * latency can be measured from it; the event time is in the value. An idempotent producer with one request at a time
 * keeps order within a partition and leaves no duplicates behind.
 * @returns events published and seconds taken
 * @throws KafkaJSError, or WeirError of the registry client
 */
export async function replay(options: ReplayOptions): Promise<{ published: number; seconds: number }> {
  const { topic, signal } = options;
  const encode = createEventEncoder(await registeredPrefix(options.registryUrl, topic));
  const producer = quietKafka('flights-replay', options.brokers).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
  });
  const recordsPerSend = sendSize(options.eventsPerSecond);
  const startedMs = systemClock.monotonicMs();
  let published = 0;
  await producer.connect();
  try {
    for (const chunk of chunked(limited(options.flights ?? readFlights(), options.limit), recordsPerSend)) {
      if (signal?.aborted) break;
      const messages = chunk.map((flight): Message => {
        const event = flightDeparted(flight);
        return { key: event.flightId, value: encode(event) };
      });
      if (options.eventsPerSecond !== undefined) {
        const dueMs = startedMs + (published / options.eventsPerSecond) * 1000;
        await sleep(systemClock, Math.max(0, dueMs - systemClock.monotonicMs()), signal);
      }
      await options.awaitRoom?.(published);
      if (signal?.aborted) break;
      const timestamp = String(systemClock.wallMs());
      for (const message of messages) message.timestamp = timestamp;
      await producer.send({ topic, messages, acks: -1, compression: CompressionTypes.None });
      published += chunk.length;
      options.onProgress?.({ published, eventTimeMs: chunk[chunk.length - 1]?.departedAt ?? 0 });
    }
  } finally {
    await producer.disconnect();
  }
  return { published, seconds: (systemClock.monotonicMs() - startedMs) / 1000 };
}

/** The first `limit` items. */
export function* limited<T>(items: Iterable<T>, limit = Number.POSITIVE_INFINITY): Generator<T> {
  let left = limit;
  if (left <= 0) return;
  for (const item of items) {
    yield item;
    if (--left <= 0) return;
  }
}

/** Items in arrays of `size`; the last may be shorter, none is empty. */
export function* chunked<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function sendSize(eventsPerSecond: number | undefined): number {
  if (eventsPerSecond === undefined) return RECORDS_PER_SEND;
  return Math.min(RECORDS_PER_SEND, Math.max(1, Math.round(eventsPerSecond / SENDS_PER_SECOND)));
}

/** Registers the event schema and returns the header of Confluent's wire format: a zero byte and the id, big endian. */
export async function registeredPrefix(url: string, topic: string, schema: unknown = FLIGHT_DEPARTED_SCHEMA): Promise<Buffer> {
  const registry = createRegistryClient({ url, timeoutMs: 10_000, clock: systemClock, logger: silentLogger });
  const { id } = await registry.register(`${topic}-value`, schema);
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(id, 1);
  return prefix;
}
