/** Writes events to a topic. */
import { OutputRecords } from '../../src/core/outputs.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { OutputProducer } from '../../src/kafka/producer.ts';
import type { EventStream } from './format.ts';
import { PARTITIONS } from './session.ts';

/** Bytes of events that are written at once. */
const BYTES_PER_SEND = 2 << 20;

/** A producer for one topic. */
export interface Filler {
  /** Writes the next events of the stream. Resolves when they are acknowledged. */
  write(stream: EventStream, events: number, createdMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Connects. @throws WeirError when the topic is missing or the brokers are away */
export async function startFiller(brokers: string, topic: string): Promise<Filler> {
  const kafka = createKafka({ brokers: brokers.split(','), clientId: 'bench-fill', ssl: false }, silentLogger);
  const producer = new OutputProducer({ kafka, compression: 'none' });
  await producer.start([topic]);
  const outputs = new OutputRecords(topic, BYTES_PER_SEND * 1.1);
  return {
    async write(stream, events, createdMs) {
      for (let left = events; left > 0; ) {
        outputs.clear();
        for (; left > 0 && outputs.bytes < BYTES_PER_SEND; left--) {
          stream.next();
          stream.appendTo(outputs, PARTITIONS, createdMs);
        }
        await producer.send([outputs]);
      }
    },
    close: () => producer.close(),
  };
}
