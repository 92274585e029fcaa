import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

/** Where a node that is both broker and controller listens, on 127.0.0.1. */
export interface NodeAddress {
  /** From 1 on. */
  readonly id: number;
  /** For clients and other brokers. */
  readonly port: number;
  readonly controllerPort: number;
  /** For clients that come another way. */
  readonly listeners?: readonly KafkaListener[];
}

/** One more way into a broker. What it asks of clients is set by properties: `listener.name.<name>.…`. */
export interface KafkaListener {
  /** In capitals, not PLAINTEXT or CONTROLLER. */
  readonly name: string;
  readonly port: number;
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
}

/**
 * The server.properties of one node of a cluster in which every node is both broker and controller: no waiting for a
 * group to fill, and internal topics with three replicas, two of them in sync, or as many as there are nodes for.
 * @param cluster all nodes, this one included
 * @param extra properties that are added, and win
 */
export function serverProperties(
  node: NodeAddress,
  cluster: readonly NodeAddress[],
  dataFolder: string,
  extra: Readonly<Record<string, string>> = {},
): string {
  const replicas = Math.min(3, cluster.length);
  const inSync = String(Math.max(1, replicas - 1));
  const others = node.listeners ?? [];
  const forClients = [{ name: 'PLAINTEXT', port: node.port }, ...others].map(({ name, port }) => `${name}://127.0.0.1:${port}`).join(',');
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': cluster.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: `${forClients},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': forClients,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': [
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      ...others.map(({ name, protocol }) => `${name}:${protocol}`),
    ].join(','),
    'log.dirs': join(dataFolder, 'logs'),
    'default.replication.factor': String(replicas),
    // The topic of the committed offsets has no setting of its own for this.
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': String(replicas),
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': String(replicas),
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': String(replicas),
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': '0',
    // A test that names a topic wrongly should fail, not wait on a topic that sprang up.
    'auto.create.topics.enable': 'false',
    // 128 MB of heap by default, for topics a thousand times larger than those of tests.
    'log.cleaner.dedupe.buffer.size': '8388608',
    ...extra,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/** 16 random bytes as Kafka writes its UUIDs: URL-safe base 64, never beginning with a dash. */
export function kafkaUuid(): string {
  const text = randomBytes(16).toString('base64url');
  return text.startsWith('-') ? kafkaUuid() : text;
}
