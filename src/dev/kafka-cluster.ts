import { join } from 'node:path';
import type { KafkaSettings } from './kafka.ts';
import { installKafka } from './kafka-home.ts';
import { prepareNode } from './kafka-node.ts';
import { kafkaUuid } from './kafka-properties.ts';
import { beginService, type LocalService, type StartingService } from './local-service.ts';
import { portAt, withFreePorts } from './ports.ts';
import { createDataFolder } from './workspace.ts';

/** How to start a cluster. */
export interface KafkaClusterOptions extends KafkaSettings {
  /** How many brokers, each of which is a controller, too. Three survive the loss of one. */
  readonly nodes: number;
}

/** A broker of a cluster. Its data stay when it is stopped, so it can be restarted until the cluster is stopped. */
export interface KafkaClusterNode extends LocalService {
  /** The id in Kafka's metadata, from 1 on. */
  readonly id: number;
}

/** Brokers that work together, as processes of this machine. */
export interface KafkaCluster {
  /** The addresses of all brokers, comma separated. */
  readonly bootstrap: string;
  readonly nodes: readonly KafkaClusterNode[];
  /** The broker with this id, such as the leader that metadata name. @throws RangeError when there is none */
  node(id: number): KafkaClusterNode;
  /** Ends all brokers at once, whatever state they are in, and removes their data. Never fails twice. */
  stop(): Promise<void>;
}

/** Several JVMs share a machine that also runs the tests. */
const SMALL_HEAP = ['-Xms64m', '-Xmx384m'];

/** Half of Kafka's time until a broker that was killed loses its partitions, and until its successor is let in. */
const FAILOVER = { 'broker.session.timeout.ms': '4500', 'broker.heartbeat.interval.ms': '1000' };

/**
 * Starts a cluster of Apache Kafka in KRaft mode, all nodes at once: broker and controller in one, replicas of the
 * internal topics on three nodes, of which two must be in sync.
 * @throws DevServicesError; nothing runs on then
 */
export async function startKafkaCluster(options: KafkaClusterOptions): Promise<KafkaCluster> {
  const home = await installKafka(options.version, options.log);
  const folder = await createDataFolder('kafka-cluster');
  const extraProperties = { ...FAILOVER, ...options.extraProperties };
  const jvmOptions = [...SMALL_HEAP, ...(options.jvmOptions ?? [])];
  try {
    return await withFreePorts(2 * options.nodes, async (ports) => {
      const clusterId = kafkaUuid();
      const cluster = Array.from({ length: options.nodes }, (_, i) => ({
        id: i + 1,
        port: portAt(ports, 2 * i),
        controllerPort: portAt(ports, 2 * i + 1),
      }));
      const nodes = await startTogether(
        cluster.map((address) => async () => {
          // Of its own in every attempt: after a clash of ports the cluster is a new one, with a new id.
          const nodeFolder = await createDataFolder('kafka', join(folder.path, clusterId, `node-${address.id}`));
          const node = { home, address, cluster, clusterId, folder: nodeFolder, extraProperties, jvmOptions };
          const starting = await beginService(await prepareNode(node));
          return { ...starting, service: Object.assign(starting.service, { id: address.id }) };
        }),
      );
      return clusterOf(nodes, () => folder.remove());
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** Starts services that become ready only together: when one fails, the others are ended without waiting for them. */
async function startTogether<T extends LocalService>(begin: readonly (() => Promise<StartingService & { service: T }>)[]): Promise<T[]> {
  const begun = await Promise.allSettled(begin.map((start) => start()));
  const started = begun.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  try {
    for (const outcome of begun) if (outcome.status === 'rejected') throw outcome.reason;
    await Promise.all(started.map(({ ready }) => ready()));
    return started.map(({ service }) => service);
  } catch (error) {
    await crash(started.map(({ service }) => service));
    throw error;
  }
}

function clusterOf(nodes: readonly KafkaClusterNode[], removeData: () => Promise<void>): KafkaCluster {
  return {
    bootstrap: nodes.map(({ endpoint }) => endpoint).join(','),
    nodes,
    node(id) {
      const found = nodes.find((node) => node.id === id);
      if (found === undefined) throw new RangeError(`the cluster has nodes 1 to ${nodes.length}, not ${id}`);
      return found;
    },
    async stop() {
      await crash(nodes);
      await removeData();
    },
  };
}

/** Brokers that are asked to stop in order wait for a majority, which the last ones no longer have; nobody needs their data. */
async function crash(services: readonly LocalService[]): Promise<void> {
  await Promise.all(
    services.map(async (service) => {
      service.kill('SIGKILL');
      await service.stop();
    }),
  );
}
