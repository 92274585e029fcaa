import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installOnce, type LineLog } from './cache.ts';
import { DevServicesError } from './errors.ts';
import { type LocalService, type LocalServiceOptions, localServiceFrom } from './local-service.ts';
import { fetchJars } from './maven.ts';
import { portAt, withFreePorts } from './ports.ts';
import { startProcess, tailOf, waitUntilReady } from './process.ts';
import { requireJava } from './programs.ts';
import { createDataFolder } from './workspace.ts';

/** The version of Apache Kafka that demo and tests run on. */
export const KAFKA_VERSION = '4.1.1';

/** How to start a broker. */
export interface KafkaOptions extends LocalServiceOptions {
  readonly log?: LineLog;
  /** A published version from 4.0 on; default `KAFKA_VERSION`. */
  readonly version?: string;
  /** Lines of server.properties that are added, and win, by name: `{'log.retention.check.interval.ms': '1000'}`. */
  readonly extraProperties?: Readonly<Record<string, string>>;
  /** Options of the JVM that come after ours, such as `-Xmx2g`. */
  readonly jvmOptions?: readonly string[];
}

const LOG4J = `<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="[%d] %p %m (%c)%n"/></Console></Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
`;

// C1 alone starts a third faster (2.1 s against 3.0 s) and leaves the second core to the workers.
const JVM_OPTIONS = ['-Xms128m', '-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];

/** The settings of a broker that is alone: combined roles, one replica of everything, no waiting for a group to fill. */
export function serverProperties(
  dataFolder: string,
  port: number,
  controllerPort: number,
  extra: Readonly<Record<string, string>> = {},
): string {
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(dataFolder, 'logs'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // A test that names a topic wrongly should fail, not wait on a topic that sprang up.
    'auto.create.topics.enable': 'false',
    ...extra,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/**
 * Starts Apache Kafka itself, in KRaft mode as a cluster of one, from its published jars.
 * Needs Java 17, and Maven for the first run (43 MB); ready after about 2 s.
 * @throws DevServicesError
 */
export async function startKafka(options: KafkaOptions = {}): Promise<LocalService> {
  const version = options.version ?? KAFKA_VERSION;
  const java = await requireJava(17);
  const home = await installKafka(version, java, options.log ?? (() => undefined));
  const folder = await createDataFolder('kafka', options.dataFolder);
  try {
    const portsToFind = options.port === undefined ? 2 : 1;
    return await withFreePorts(portsToFind, async (ports) => {
      const port = options.port ?? portAt(ports, 1);
      await format(home, join(folder.path, 'logs'));
      const properties = join(folder.path, 'server.properties');
      await writeFile(properties, serverProperties(folder.path, port, portAt(ports, 0), options.extraProperties));
      const logFile = join(folder.path, 'kafka.log');
      await rm(logFile, { force: true });
      const process = await startProcess({
        name: `Kafka ${version}`,
        command: java,
        args: [
          ...JVM_OPTIONS,
          `-Djava.io.tmpdir=${folder.path}`,
          `-Dlog4j2.configurationFile=${join(home, 'log4j2.xml')}`,
          ...(options.jvmOptions ?? []),
          '-cp',
          join(home, 'libs', '*'),
          'kafka.Kafka',
          properties,
        ],
        logFile,
      });
      try {
        await waitUntilReady(process, () => tailOf(logFile).includes('Kafka Server started'), { timeoutMs: 120_000 });
      } catch (error) {
        await process.stop();
        throw error;
      }
      return localServiceFrom(process, folder, `127.0.0.1:${port}`, port);
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/**
 * Formats the data folder as `kafka-storage format` does, 1 s faster: the checkpoint that it writes depends on the
 * version alone and was made at installation; the ids in `meta.properties` are new, so that a client of another
 * cluster is noticed. Leaves a folder that is formatted already as it is.
 */
async function format(home: string, logs: string): Promise<void> {
  const meta = join(logs, 'meta.properties');
  if (existsSync(meta)) return;
  await mkdir(logs, { recursive: true });
  await copyFile(join(home, 'bootstrap.checkpoint'), join(logs, 'bootstrap.checkpoint'));
  await writeFile(meta, `version=1\nnode.id=1\ncluster.id=${kafkaUuid()}\ndirectory.id=${kafkaUuid()}\n`);
}

/** 16 random bytes as Kafka writes its UUIDs: URL-safe base 64, never beginning with a dash. */
function kafkaUuid(): string {
  const text = randomBytes(16).toString('base64url');
  return text.startsWith('-') ? kafkaUuid() : text;
}

async function installKafka(version: string, java: string, log: LineLog): Promise<string> {
  return await installOnce({
    name: `kafka-${version}`,
    announcement: `fetching Apache Kafka ${version} (43 MB, once) …`,
    log,
    async install(folder) {
      await fetchJars(
        [
          `org.apache.kafka:kafka_2.13:${version}`,
          `org.apache.kafka:kafka-tools:${version}`,
          // The binding that the release ships and no jar asks for.
          'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3',
        ],
        folder,
      );
      await writeFile(join(folder, 'log4j2.xml'), LOG4J);
      const scratch = join(folder, 'format');
      await mkdir(scratch);
      const properties = join(scratch, 'server.properties');
      await writeFile(properties, serverProperties(scratch, 9092, 9093));
      const logFile = join(scratch, 'format.log');
      const formatter = await startProcess({
        name: 'kafka-storage format',
        command: java,
        args: [
          ...JVM_OPTIONS,
          `-Djava.io.tmpdir=${scratch}`,
          '-cp',
          join(folder, 'libs', '*'),
          'kafka.tools.StorageTool',
          'format',
          '-t',
          kafkaUuid(),
          '-c',
          properties,
        ],
        logFile,
      });
      const outcome = await formatter.outcome;
      if (outcome !== 'exit 0') throw new DevServicesError(`kafka-storage format failed (${outcome}):\n${tailOf(logFile)}`);
      await rename(join(scratch, 'logs', 'bootstrap.checkpoint'), join(folder, 'bootstrap.checkpoint'));
      await rm(scratch, { recursive: true });
    },
  });
}
