import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installOnce, type LineLog } from './cache.ts';
import { DevServicesError } from './errors.ts';
import { kafkaUuid, serverProperties } from './kafka-properties.ts';
import { type Coordinates, fetchJars } from './maven.ts';
import { startProcess, tailOf } from './process.ts';
import { requireJava } from './programs.ts';

/** The version of Apache Kafka that demo and tests run on. */
export const KAFKA_VERSION = '4.1.1';

/** The oldest line of versions that weir is tested on, and the last one of Kafka 3. */
export const OLDEST_KAFKA_VERSION = '3.9.2';

/** A version of Apache Kafka on this machine, ready to run. */
export interface KafkaHome {
  readonly version: string;
  /** The program `java`. */
  readonly java: string;
  /** What `kafka-storage format` puts into a new data folder: the features of the version. */
  readonly checkpoint: string;
  /** The arguments of Java that run a class of Kafka, with temporary files in `temporary`; those of the class come after. */
  command(mainClass: string, temporary: string, jvmOptions?: readonly string[]): string[];
}

/** How a line of versions writes its log. All but the words that it is ready are warnings. */
export interface Logging {
  /** The binding that the release ships and no jar asks for. */
  readonly binding: Coordinates;
  /** The name of the configuration file. */
  readonly file: string;
  readonly content: string;
  readonly property: string;
}

const LOG4J2: Logging = {
  binding: 'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3',
  file: 'log4j2.xml',
  content: `<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="[%d] %p %m (%c)%n"/></Console></Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
`,
  property: 'log4j2.configurationFile',
};

const RELOAD4J: Logging = {
  binding: 'org.slf4j:slf4j-reload4j:1.7.36',
  file: 'log4j.properties',
  content: `log4j.rootLogger=WARN, out
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n
`,
  property: 'log4j.configuration',
};

// C1 alone starts a third faster (2.1 s against 3.0 s) and leaves the second core to the workers.
const JVM_OPTIONS = ['-Xms128m', '-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];

/** How a version writes its log. @throws DevServicesError for a version that cannot be started here: 3.9 and 4 can */
export function loggingOf(version: string): Logging {
  const [, major, minor] = /^(\d+)\.(\d+)\.\d+$/.exec(version) ?? [];
  if (Number(major) >= 4) return LOG4J2;
  if (major === '3' && minor === '9') return RELOAD4J;
  throw new DevServicesError(`Kafka ${version} cannot be started here; give a published version of 3.9 (such as 3.9.2) or of 4`);
}

/**
 * Fetches the published jars of a version at first use, and makes the checkpoint that its data folders begin with.
 * @throws DevServicesError
 */
export async function installKafka(version: string = KAFKA_VERSION, log: LineLog = () => undefined): Promise<KafkaHome> {
  const logging = loggingOf(version);
  const java = await requireJava(17);
  const folder = await installOnce({
    name: `kafka-${version}`,
    announcement: `fetching Apache Kafka ${version} (43 MB, once) …`,
    log,
    async install(building) {
      const artifacts = ['kafka_2.13', 'kafka-tools'].map((artifact): Coordinates => `org.apache.kafka:${artifact}:${version}`);
      await fetchJars([...artifacts, logging.binding], building);
      await writeFile(join(building, logging.file), logging.content);
      await makeCheckpoint(homeIn(building, version, java));
    },
  });
  return homeIn(folder, version, java);
}

function homeIn(folder: string, version: string, java: string): KafkaHome {
  const logging = loggingOf(version);
  return {
    version,
    java,
    checkpoint: join(folder, 'bootstrap.checkpoint'),
    command: (mainClass, temporary, jvmOptions = []) => [
      ...JVM_OPTIONS,
      `-Djava.io.tmpdir=${temporary}`,
      // Both read a URL; the older one takes a path that is not one for the name of a resource.
      `-D${logging.property}=${pathToFileURL(join(folder, logging.file)).href}`,
      ...jvmOptions,
      '-cp',
      join(folder, 'libs', '*'),
      mainClass,
    ],
  };
}

/** Formats a data folder with Kafka's own tool, and keeps of it the part that depends on the version alone. */
async function makeCheckpoint(home: KafkaHome): Promise<void> {
  const scratch = `${home.checkpoint}.scratch`;
  await mkdir(scratch);
  const properties = join(scratch, 'server.properties');
  const node = { id: 1, port: 9092, controllerPort: 9093 };
  await writeFile(properties, serverProperties(node, [node], scratch));
  const logFile = join(scratch, 'format.log');
  const formatter = await startProcess({
    name: 'kafka-storage format',
    command: home.java,
    args: [...home.command('kafka.tools.StorageTool', scratch), 'format', '-t', kafkaUuid(), '-c', properties],
    logFile,
  });
  const outcome = await formatter.outcome;
  if (outcome !== 'exit 0') throw new DevServicesError(`kafka-storage format failed (${outcome}):\n${tailOf(logFile)}`);
  await rename(join(scratch, 'logs', 'bootstrap.checkpoint'), home.checkpoint);
  await rm(scratch, { recursive: true });
}
