import { connect, type Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { services } from './services.ts';

/** What can happen to the network of a client. */
export interface CuttableKafka {
  readonly kafka: Kafka;
  /** Resets every connection and refuses new ones until `restore`. */
  cut(): void;
  /** Nothing more is received, but connections stay, until `restore`. */
  stall(): void;
  restore(): void;
}

/** A client whose network can be taken away. A proxy would not do: brokers tell their clients where to connect. */
export function cuttableKafka(): CuttableKafka {
  const sockets = new Set<Socket>();
  let state: 'up' | 'cut' | 'stalled' = 'up';
  const kafka = new Kafka({
    brokers: services().kafkaBrokers.split(','),
    clientId: 'cuttable',
    logLevel: logLevel.NOTHING,
    retry: { retries: 1, initialRetryTime: 50, maxRetryTime: 200 },
    socketFactory: ({ host, port, onConnect }) => {
      // Nobody listens on port 1.
      const socket = connect({ host, port: state === 'cut' ? 1 : port }, onConnect);
      if (state === 'stalled') socket.pause();
      sockets.add(socket.on('close', () => sockets.delete(socket)));
      return socket;
    },
  });
  return {
    kafka,
    cut(): void {
      state = 'cut';
      // kafkajs does not listen for `close`.
      for (const socket of sockets) socket.destroy(new Error('reset'));
    },
    stall(): void {
      state = 'stalled';
      for (const socket of sockets) socket.pause();
    },
    restore(): void {
      state = 'up';
      for (const socket of sockets) socket.resume();
    },
  };
}
