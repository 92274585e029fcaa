/** Publishes the departures of 2013 in event-time order, and the arrivals once they have happened, as producers outside of weir would. */
import { CompressionTypes, type Message } from 'kafkajs';
import { createRegistryClient } from '../../src/avro/registry-client.ts';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { type FlightRecord, readFlights } from './flight-data.ts';
import { createArrivalEncoder, FLIGHT_ARRIVED_SCHEMA, FlightsInTheAir } from './flight-arrival.ts';
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
  /** Topic of arrivals; they are not published when absent. */
  readonly labelsTopic?: string;
  /** Schema registry (Confluent API); schemas are registered as `<topic>-value` and each value carries the id of its own. */
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

/** What a replay has published. */
export interface ReplayResult {
  /** Departures. */
  readonly published: number;
  /** Arrivals, those of diverted flights among them. */
  readonly arrived: number;
  /** Arrivals that say how late the flight was. */
  readonly labelled: number;
  readonly seconds: number;
}

/**
 * Publishes flights keyed by flightId, sorted by departure. The record timestamp is the moment of sending, so that
 * latency can be measured from it; the event time is in the value. An idempotent producer with one request at a time
 * keeps order within a partition and leaves no duplicates behind. With `labelsTopic`, arrivals follow each request of departures as far as
 * event time has come by then, and those still in the air at the end: in the order of `arrivedAt`, keyed by flightId.
 * @throws KafkaJSError, or WeirError of the registry client
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { topic, labelsTopic, registryUrl, signal } = options;
  const encode = createEventEncoder(await registeredPrefix(registryUrl, topic, FLIGHT_DEPARTED_SCHEMA));
  const encodeArrival =
    labelsTopic === undefined ? undefined : createArrivalEncoder(await registeredPrefix(registryUrl, labelsTopic, FLIGHT_ARRIVED_SCHEMA));
  const producer = quietKafka('flights-replay', options.brokers).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
  });
  const recordsPerSend = sendSize(options.eventsPerSecond);
  const startedMs = systemClock.monotonicMs();
  const inTheAir = new FlightsInTheAir();
  let published = 0;
  let arrived = 0;
  let labelled = 0;
  const send = async (to: string, messages: Message[]): Promise<void> => {
    const timestamp = String(systemClock.wallMs());
    for (const message of messages) message.timestamp = timestamp;
    await producer.send({ topic: to, messages, acks: -1, compression: CompressionTypes.None });
  };
  const sendArrivals = async (untilMs: number): Promise<void> => {
    if (labelsTopic === undefined || !encodeArrival) return;
    for (const arrivals of chunked(inTheAir.landed(untilMs), RECORDS_PER_SEND)) {
      await send(
        labelsTopic,
        arrivals.map((arrival): Message => ({ key: arrival.flightId, value: encodeArrival(arrival) })),
      );
      arrived += arrivals.length;
      for (const { arrDelayMinutes } of arrivals) if (arrDelayMinutes !== null) labelled++;
    }
  };
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
      await send(topic, messages);
      published += chunk.length;
      const eventTimeMs = chunk[chunk.length - 1]?.departedAt ?? 0;
      options.onProgress?.({ published, eventTimeMs });
      if (!encodeArrival) continue;
      inTheAir.departed(chunk);
      await sendArrivals(eventTimeMs);
    }
    if (!signal?.aborted) await sendArrivals(Number.POSITIVE_INFINITY);
  } finally {
    await producer.disconnect();
  }
  return { published, arrived, labelled, seconds: (systemClock.monotonicMs() - startedMs) / 1000 };
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

/** Registers a schema and returns the header of Confluent's wire format: a zero byte and the id, big endian. */
export async function registeredPrefix(url: string, topic: string, schema: unknown): Promise<Buffer> {
  const registry = createRegistryClient({ url, timeoutMs: 10_000, clock: systemClock, logger: silentLogger });
  const { id } = await registry.register(`${topic}-value`, schema);
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(id, 1);
  return prefix;
}
