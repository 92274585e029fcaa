import { existsSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaHome } from './kafka-home.ts';
import { kafkaUuid, type NodeAddress, serverProperties } from './kafka-properties.ts';
import type { LocalServiceParts } from './local-service.ts';
import { startProcess, waitUntilReady } from './process.ts';
import type { DataFolder } from './workspace.ts';

/** One broker, of a cluster of its own or of several. */
export interface KafkaNode {
  readonly home: KafkaHome;
  readonly address: NodeAddress;
  /** All nodes of the cluster, this one included. */
  readonly cluster: readonly NodeAddress[];
  /** The id that a new data folder gets; all nodes of a cluster must have the same. */
  readonly clusterId: string;
  readonly folder: DataFolder;
  /** Lines of server.properties that are added, and win. */
  readonly extraProperties?: Readonly<Record<string, string>>;
  /** Options of the JVM that come after ours. */
  readonly jvmOptions?: readonly string[];
}

/** What `KafkaRaftServer` logs once clients are served. */
const READY = 'Kafka Server started';

/** Prepares the data folder of a node, and tells how to start it. */
export async function prepareNode(node: KafkaNode): Promise<LocalServiceParts> {
  const { home, address, folder } = node;
  await format(node, join(folder.path, 'logs'));
  const properties = join(folder.path, 'server.properties');
  await writeFile(properties, serverProperties(address, node.cluster, folder.path, node.extraProperties));
  const logFile = join(folder.path, 'kafka.log');
  await writeFile(logFile, '');
  let logStart = 0;
  return {
    folder,
    endpoint: `127.0.0.1:${address.port}`,
    port: address.port,
    start() {
      // A restart goes on in the same log, which says already that an earlier process was ready.
      logStart = statSync(logFile).size;
      return startProcess({
        name: `Kafka ${home.version}${node.cluster.length > 1 ? `, node ${address.id}` : ''}`,
        command: home.java,
        args: [...home.command('kafka.Kafka', folder.path, node.jvmOptions), properties],
        logFile,
      });
    },
    untilReady: (process) => waitUntilReady(process, () => readFileSync(logFile).includes(READY, logStart), { timeoutMs: 120_000 }),
  };
}

/**
 * Formats the data folder as `kafka-storage format` does, 1 s faster: the checkpoint that it writes depends on the
 * version alone and was made at installation; the ids in `meta.properties` are new, so that a client of another
 * cluster is noticed. Leaves a folder that is formatted already as it is.
 */
async function format({ home, address, clusterId }: KafkaNode, logs: string): Promise<void> {
  const meta = join(logs, 'meta.properties');
  if (existsSync(meta)) return;
  await mkdir(logs, { recursive: true });
  await copyFile(home.checkpoint, join(logs, 'bootstrap.checkpoint'));
  await writeFile(meta, `version=1\nnode.id=${address.id}\ncluster.id=${clusterId}\ndirectory.id=${kafkaUuid()}\n`);
}
