import type { LineLog } from './cache.ts';
import { installKafka } from './kafka-home.ts';
import { prepareNode } from './kafka-node.ts';
import { type KafkaListener, kafkaUuid } from './kafka-properties.ts';
import { type LocalService, type LocalServiceOptions, startService } from './local-service.ts';
import { portAt, withFreePorts } from './ports.ts';
import { createDataFolder } from './workspace.ts';

/** How to run Kafka. */
export interface KafkaSettings {
  readonly log?: LineLog;
  /** A published version, of 3.9 or from 4.0 on; default `KAFKA_VERSION`. */
  readonly version?: string;
  /** Lines of server.properties that are added, and win, by name: `{'log.retention.check.interval.ms': '1000'}`. */
  readonly extraProperties?: Readonly<Record<string, string>>;
  /** Options of the JVM that come after ours, such as `-Xmx2g`. */
  readonly jvmOptions?: readonly string[];
}

/** How to start a broker. */
export interface KafkaOptions extends KafkaSettings, LocalServiceOptions {
  /** More ways in, on ports of the caller's (`freePorts`); `endpoint` stays the one in plain text. */
  readonly listeners?: readonly KafkaListener[];
}

/**
 * Starts Apache Kafka itself, in KRaft mode as a cluster of one, from its published jars.
 * Needs Java 17, and Maven for the first run (43 MB); ready after about 2 s.
 * @throws DevServicesError
 */
export async function startKafka(options: KafkaOptions = {}): Promise<LocalService> {
  const home = await installKafka(options.version, options.log);
  const folder = await createDataFolder('kafka', options.dataFolder);
  const { extraProperties = {}, jvmOptions = [], listeners = [] } = options;
  try {
    const portsToFind = options.port === undefined ? 2 : 1;
    return await withFreePorts(portsToFind, async (ports) => {
      const address = { id: 1, port: options.port ?? portAt(ports, 1), controllerPort: portAt(ports, 0), listeners };
      const node = { home, address, cluster: [address], clusterId: kafkaUuid(), folder, extraProperties, jvmOptions };
      return startService(await prepareNode(node));
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}
