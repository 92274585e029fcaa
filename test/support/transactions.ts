import { connect, type Socket } from 'node:net';
import kafkajs, { Kafka, logLevel } from 'kafkajs';
import { expect, vi } from 'vitest';
import { OutputRecords } from '../../src/core/outputs.ts';
import type { Position } from '../../src/core/records.ts';
import { rootCause } from '../../src/kafka/errors.ts';
import { type ClusterInternals, onEachBroker, withClusterExtension } from '../../src/kafka/protocol/cluster-extension.ts';
import { installIdleTimerFix } from '../../src/kafka/protocol/idle-timer.ts';
import { type GroupMember, TransactionalProducer } from '../../src/kafka/transactional-producer.ts';

/** What kafkajs sends and what comes back, by its own log. */
export interface Traffic {
  /** Names of requests. */
  readonly requests: string[];
  /** Names of requests that were answered by an error, each with the error's message. */
  readonly refusals: string[];
  /** Those of them that kafkajs logged at level ERROR, for somebody to look at. */
  readonly reported: string[];
}

/** No traffic yet. */
export function noTraffic(): Traffic {
  return { requests: [], refusals: [], reported: [] };
}

/** Counts the requests of a name. */
export function countOf(traffic: Traffic, request: string): number {
  return traffic.requests.filter((name) => name === request).length;
}

/** A stock client of `brokers`; its traffic goes into `traffic`, its sockets come from `open`. */
export function stockKafka(brokers: string, traffic?: Traffic, open?: (host: string, port: number) => Socket): Kafka {
  installIdleTimerFix(); // Else each test prints a warning of Node.
  return new Kafka({
    brokers: brokers.split(','),
    clientId: 'test',
    logLevel: traffic ? logLevel.DEBUG : logLevel.NOTHING,
    logCreator: () => (entry) => {
      const [, kind, name] = /^(Request|Response) (\w+)\(/.exec(entry.log.message) ?? [];
      if (kind === 'Request') traffic?.requests.push(name!);
      if (kind !== 'Response' || entry.log['error'] === undefined) return;
      (entry.level === logLevel.ERROR ? traffic?.reported : traffic?.refusals)?.push(`${name} ${String(entry.log['error'])}`);
    },
    connectionTimeout: 5_000,
    retry: { retries: 3, initialRetryTime: 50, maxRetryTime: 500 },
    ...(open && {
      socketFactory: ({ host, port, onConnect }) => open(host, port).once('connect', onConnect),
    }),
  });
}

/**
 * Sockets that are reset around the next request with `apiKey`: before it is sent, or when its response has come and
 * before anybody has seen it. kafkajs writes a request at once, after its length (4 bytes).
 */
export function cutAround(apiKey: number, when: 'before' | 'after'): { open(host: string, port: number): Socket; arm(): void } {
  let isArmed = false;
  return {
    arm: () => void (isArmed = true),
    open(host, port) {
      const socket = connect(port, host);
      const write = socket.write.bind(socket) as (bytes: Buffer, encoding: BufferEncoding) => boolean;
      socket.write = ((bytes: Buffer, encoding: BufferEncoding) => {
        const isTarget = isArmed && bytes.readInt16BE(4) === apiKey;
        if (isTarget) isArmed = false;
        if (isTarget && when === 'before') {
          socket.destroy(new Error('cut before'));
          return false;
        }
        if (isTarget) {
          socket.removeAllListeners('data');
          socket.once('data', () => socket.destroy(new Error('cut after')));
        }
        return write(bytes, encoding);
      }) as Socket['write'];
      return socket;
    },
  };
}

/** Sockets that keep the next request with `apiKey` and all that follows on its connection, as a broker does that holds a request. */
export function holdFrom(apiKey: number): { open(host: string, port: number): Socket; arm(): void; isHolding(): boolean } {
  let isArmed = false;
  let isHolding = false;
  return {
    arm: () => void (isArmed = true),
    isHolding: () => isHolding,
    open(host, port) {
      const socket = connect(port, host);
      const write = socket.write.bind(socket) as (bytes: Buffer, encoding: BufferEncoding) => boolean;
      let isHeld = false;
      socket.write = ((bytes: Buffer, encoding: BufferEncoding) => {
        if (isArmed && !isHeld && bytes.readInt16BE(4) === apiKey) {
          isHeld = true;
          isHolding = true;
          isArmed = false;
        }
        return isHeld || write(bytes, encoding);
      }) as Socket['write'];
      return socket;
    },
  };
}

/** Has a member leave its group, from outside and without a word to it. */
export async function removeMember(kafka: Kafka, { groupId, memberId }: Pick<GroupMember, 'groupId' | 'memberId'>): Promise<void> {
  interface Leaving {
    findGroupCoordinator(of: { groupId: string }): Promise<{ leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown> }>;
  }
  let cluster: Leaving | undefined;
  const admin = withClusterExtension(kafka, (made) => void (cluster = made as unknown as Leaving)).admin();
  await admin.connect();
  try {
    await (await cluster!.findGroupCoordinator({ groupId })).leaveGroup({ groupId, memberId });
  } finally {
    await admin.disconnect();
  }
}

/** What kafkajs says an action failed with: the type of the broker's error, or the name of its own; undefined: it did not fail. */
export async function failureOf(action: Promise<unknown>): Promise<string | undefined> {
  return await action.then(
    () => undefined,
    (error: unknown) => rootCause(error).type ?? rootCause(error).name,
  );
}

/** Creates a topic with one partition, which has a leader then. */
export async function createTopic(kafka: Kafka, topic: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] });
  await vi.waitFor(() => admin.fetchTopicOffsets(topic), 30_000); // Metadata knows a topic before its leader does.
  await admin.disconnect();
}

/** Outputs with one record a value, all in partition 0. */
export function outputsOf(topic: string, ...values: string[]): OutputRecords[] {
  const outputs = new OutputRecords(topic);
  for (const value of values) outputs.push({ partition: 0, timestampMs: Date.now(), key: Buffer.from('key'), value: Buffer.from(value) });
  return [outputs];
}

/** Limits of any topic with one partition. */
export const ONE_PARTITION = (): { partitions: number; partitionBytes: number } => ({ partitions: 1, partitionBytes: 800_000 });

/** Position of partition 0. */
export function positionOf(topic: string, nextOffset: number): Position[] {
  return [{ topic, partition: 0, epoch: 0, nextOffset }];
}

/** A transactional producer without compression. */
export function transactionalProducer(kafka: Kafka, transactionalId: string, transactionTimeoutMs = 15_000): TransactionalProducer {
  return new TransactionalProducer({ kafka, transactionalId, transactionTimeoutMs, compression: 'none' });
}

/** Joins a group with a stock consumer of a topic, which reads nothing. */
export async function joinGroup(kafka: Kafka, groupId: string, topic: string): Promise<{ member: GroupMember; leave(): Promise<void> }> {
  let member: GroupMember | undefined;
  const watched = withClusterExtension(kafka, (cluster) =>
    onEachBroker(cluster, (broker) => {
      interface Sync {
        syncGroup(args: { generationId: number; memberId: string }): Promise<unknown>;
      }
      const syncing = broker as unknown as Sync;
      const sync = syncing.syncGroup.bind(syncing);
      syncing.syncGroup = async (args) => {
        const answer = await sync(args);
        member = { groupId, generationId: args.generationId, memberId: args.memberId };
        return answer;
      };
    }),
  );
  const consumer = watched.consumer({ groupId, heartbeatInterval: 500, sessionTimeout: 30_000, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic] });
  // Tests commit offsets that no record has. Were one fetched, kafkajs would commit -1 in its place (`OffsetManager.setDefaultOffset`).
  consumer.on(consumer.events.GROUP_JOIN, () => consumer.pause([{ topic }]));
  await consumer.run({ autoCommit: false, eachBatch: () => Promise.reject(new Error(`read ${topic}`)) });
  await vi.waitFor(() => expect(member).toBeDefined(), 30_000);
  return { member: member!, leave: () => consumer.disconnect() };
}

/** Committed offset of partition 0 and its metadata, by stock kafkajs; offset −1: none. */
export async function committedOffset(kafka: Kafka, groupId: string, topic: string): Promise<{ offset: number; metadata: string | null }> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
    const { offset, metadata } = offsets!.partitions[0]!;
    return { offset: Number(offset), metadata };
  } finally {
    await admin.disconnect();
  }
}

/** Values of partition 0 that a stock consumer with read_committed sees. Blocks while a transaction is open. */
export async function readCommitted(kafka: Kafka, topic: string): Promise<string[]> {
  const end = `end ${crypto.randomUUID()}`;
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: [{ value: end, partition: 0 }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: crypto.randomUUID(), maxWaitTimeInMs: 100 });
  const values: string[] = [];
  const done = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message }) => {
      const value = String(message.value);
      if (value === end) done.resolve();
      else if (!value.startsWith('end ')) values.push(value);
    },
  });
  await done.promise;
  await consumer.disconnect();
  return values;
}

/** The cluster of an admin client, for requests that kafkajs has no method for. */
export async function clusterOf(kafka: Kafka): Promise<{ cluster: ClusterInternals; close(): Promise<void> }> {
  let cluster: ClusterInternals | undefined;
  const admin = withClusterExtension(kafka, (made) => void (cluster = made)).admin();
  await admin.connect();
  await admin.describeCluster(); // Else no broker is known.
  return { cluster: cluster!, close: () => admin.disconnect() };
}
