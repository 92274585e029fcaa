/** The producer of the suite: seeded events, at a pace or at once, by a stock producer. */
import type { Message, Producer } from 'kafkajs';
import { encodeEvent, keyOf } from './events.ts';
import { pause, type ScenarioContext } from './scenario.ts';
import { stockKafka } from './services.ts';

/** Records of one send. */
const CHUNK = 1_000;

/** How often a paced load sends. */
const TICK_MS = 50;

/** A send that fails for good is tried again for this long by new producers: a broker is being restarted. */
const PATIENCE_MS = 60_000;

/** What a sequence number becomes. */
export type MessageOf = (sequence: number) => Omit<Message, 'partition'>;

/** A load on one topic. */
export interface LoadOptions {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  /** Default: the event of the sequence number under its key, as plain Avro. */
  readonly message?: MessageOf;
}

/** Sends events with increasing sequence numbers. */
export class Load {
  /** Events sent and acknowledged; the next one has this sequence number. */
  sent = 0;
  /** Partitions that keys are spread over. */
  private partitions: number;
  private readonly context: ScenarioContext;
  private readonly options: LoadOptions;
  private producer: Promise<Producer> | undefined;

  constructor(context: ScenarioContext, options: LoadOptions) {
    this.context = context;
    this.options = options;
    this.partitions = options.partitions;
    context.defer(() => this.close());
  }

  /** Sends `count` events as fast as the brokers take them. */
  async bulk(count: number): Promise<void> {
    for (let left = count; left > 0; left -= CHUNK) await this.send(Math.min(CHUNK, left));
  }

  /** Sends events at a pace until the time is up, or `isOver`. What a slow broker held up is made up for. */
  async paced(perSecond: number, durationMs: number, isOver: () => boolean = () => false): Promise<void> {
    const startedMs = performance.now();
    const before = this.sent;
    for (;;) {
      const elapsedMs = performance.now() - startedMs;
      if (elapsedMs >= durationMs || isOver()) return;
      const due = Math.floor((elapsedMs / 1000) * perSecond) - (this.sent - before);
      if (due > 0) await this.send(Math.min(due, CHUNK));
      else await pause(TICK_MS, this.context.signal);
    }
  }

  /** Sends the next `count` events in one request a partition. */
  async send(count: number): Promise<void> {
    const messages = this.messages(this.sent, count);
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        await (await this.connected()).send({ topic: this.options.topic, messages });
        break;
      } catch (error) {
        this.context.signal.throwIfAborted();
        if (performance.now() > deadline) throw error;
        await this.close();
        await pause(500, this.context.signal);
      }
    }
    this.sent += count;
  }

  /** Spreads keys over so many partitions from now on, by a new producer: an old one drops what is for partitions it has not heard of. */
  async spreadOver(partitions: number): Promise<void> {
    await this.close();
    this.partitions = partitions;
  }

  /** Takes the next `count` events for somebody else to send. */
  take(count: number): Message[] {
    this.sent += count;
    return this.messages(this.sent - count, count);
  }

  private messages(from: number, count: number): Message[] {
    const { seed } = this.context;
    const make = this.options.message ?? ((sequence) => eventMessage(seed, sequence));
    return Array.from({ length: count }, (_, i): Message => ({ ...make(from + i), partition: keyOf(seed, from + i) % this.partitions }));
  }

  private connected(): Promise<Producer> {
    return (this.producer ??= this.connect());
  }

  private async connect(): Promise<Producer> {
    const producer = stockKafka(this.options.brokers, 'chaos-load').producer({
      maxInFlightRequests: 1,
      // Not idempotent: what is sent twice is two inputs, and both are accounted for. No retries, which an idempotent producer
      // must have: kafkajs keeps its answers by broker. A partition that moves between two tries to a broker that has answered
      // already is dropped without a word; one that moves away from such a broker is sent twice.
      retry: { retries: 0 },
    });
    await producer.connect();
    return producer;
  }

  private async close(): Promise<void> {
    const producer = await this.producer?.catch(() => undefined);
    this.producer = undefined;
    await producer?.disconnect().catch(() => undefined);
  }
}

/** Key and plain Avro value of an event. */
export function eventMessage(seed: number, sequence: number): { key: string; value: Buffer } {
  return { key: `k${keyOf(seed, sequence)}`, value: encodeEvent(seed, sequence) };
}
