import { join } from 'node:path';
import type { LineLog } from './cache.ts';
import { findContainerRuntime } from './containers.ts';
import { DevServicesError } from './errors.ts';
import { startKafka } from './kafka.ts';
import { KAFKA_VERSION } from './kafka-home.ts';
import type { LocalService } from './local-service.ts';
import { startRedis } from './redis.ts';
import { startRegistry } from './registry.ts';

/** A service that demo and tests need. */
export type ServiceName = 'kafka' | 'redis' | 'registry';

/** Which services to bring up. */
export interface ServicesOptions {
  readonly needs: readonly ServiceName[];
  /** Told what takes long, a line at a time. */
  readonly log: LineLog;
  /** Where the processes keep data and logs (`<dataDir>/kafka`, …), left in place at the end; default: temporary folders. */
  readonly dataDir?: string;
  /** Where the endpoints, `WEIR_SERVICES` and `WEIR_KAFKA_VERSION` are looked up; default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Services that answer. What was not asked for has the endpoint ''. */
export interface Services {
  /** Comma separated `host:port`. */
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  /** Base URL for clients of Confluent's schema registry API. */
  readonly registryUrl: string;
  /** How they were come by, for the person: `kafka, redis: processes of this machine; registry: given`. */
  readonly how: string;
  /** The services that run as processes of this machine, to crash and freeze them in tests. */
  readonly processes: Readonly<Partial<Record<ServiceName, LocalService>>>;
  /** Ends what was started, data included, and waits for it; what was given is left alone. */
  stop(): Promise<void>;
  /** Lets everything outlive this process. @returns the shell command that ends it, '' when nothing was started */
  release(): string;
}

interface Started {
  readonly endpoint: string;
  readonly how: 'given' | 'containers' | 'processes of this machine';
  readonly process?: LocalService;
  stop(): Promise<void>;
  /** Returns the shell command that ends it. */
  release(): string;
}

const ENDPOINT_VARIABLES: Readonly<Record<ServiceName, string>> = {
  kafka: 'WEIR_KAFKA_BROKERS',
  redis: 'WEIR_REDIS_URL',
  registry: 'WEIR_REGISTRY_URL',
};

const START_PROCESS = { redis: startRedis, registry: startRegistry } as const;

/**
 * Brings up real services, all at once, each in the first way that is possible: an endpoint given by
 * `WEIR_KAFKA_BROKERS`, `WEIR_REDIS_URL`, `WEIR_REGISTRY_URL`; a container; a process of this machine.
 * `WEIR_SERVICES=docker` or `=java` leaves only that way; `WEIR_KAFKA_VERSION` is the Kafka to start. Nothing that was started outlives this process.
 * @throws DevServicesError whose message says what to install, or what went wrong
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const env = options.env ?? process.env;
  const wanted = [...new Set(options.needs)];
  const started = new Map<ServiceName, Started>();
  for (const name of wanted) {
    const endpoint = env[ENDPOINT_VARIABLES[name]];
    if (endpoint) started.set(name, { endpoint, how: 'given', stop: async () => undefined, release: () => '' });
  }
  const missing = wanted.filter((name) => !started.has(name));
  const stop = async (): Promise<void> => {
    await Promise.all([...started.values()].map((service) => service.stop()));
  };
  if (missing.length > 0) {
    const start = await chooseWay(missing, options, env);
    const outcomes = await Promise.allSettled(missing.map(async (name) => started.set(name, await start(name))));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.length > 0) {
      await stop();
      throw explain(missing, failures);
    }
  }
  const endpointOf = (name: ServiceName): string => started.get(name)?.endpoint ?? '';
  return {
    kafkaBrokers: endpointOf('kafka'),
    redisUrl: endpointOf('redis'),
    registryUrl: endpointOf('registry'),
    how: describe(wanted, started),
    processes: Object.fromEntries([...started].flatMap(([name, { process }]) => (process ? [[name, process]] : []))),
    stop,
    release: () => [...started.values()].flatMap((service) => service.release() || []).join('; '),
  };
}

/** Containers where they can be had, else processes; decided once for all services. */
async function chooseWay(
  missing: readonly ServiceName[],
  { log, dataDir }: ServicesOptions,
  env: NodeJS.ProcessEnv,
): Promise<(name: ServiceName) => Promise<Started>> {
  const way = env['WEIR_SERVICES'];
  const kafkaVersion = env['WEIR_KAFKA_VERSION'] || KAFKA_VERSION;
  if (way && way !== 'docker' && way !== 'java') throw new DevServicesError(`WEIR_SERVICES is "${way}"; it can be docker or java`);
  const runtime = way === 'java' ? undefined : await findContainerRuntime(missing, log, kafkaVersion);
  if (runtime !== undefined) {
    return async (name) => {
      const container = await runtime.start(name);
      const release = (): string => {
        container.release();
        return `docker rm -fv ${container.containerId.slice(0, 12)}`;
      };
      return { endpoint: container.endpoint, how: 'containers', stop: container.stop, release };
    };
  }
  if (way === 'docker') throw new DevServicesError('WEIR_SERVICES is docker, but no Docker daemon with the images can be reached');
  return async (name) => {
    const common = { log, ...(dataDir === undefined ? {} : { dataFolder: join(dataDir, name) }) };
    const service = await (name === 'kafka' ? startKafka({ ...common, version: kafkaVersion }) : START_PROCESS[name](common));
    const release = (): string => {
      service.release();
      return `kill ${service.pid}`;
    };
    return { endpoint: service.endpoint, how: 'processes of this machine', process: service, stop: service.stop, release };
  };
}

function describe(wanted: readonly ServiceName[], started: ReadonlyMap<ServiceName, Started>): string {
  const byWay = Map.groupBy(wanted, (name) => started.get(name)?.how ?? 'given');
  return [...byWay].map(([way, names]) => `${names.join(', ')}: ${way}`).join('; ');
}

/** One message for all that failed, with what to do about it. */
function explain(missing: readonly ServiceName[], failures: readonly unknown[]): DevServicesError {
  const reasons = [...new Set(failures.map((failure) => (failure instanceof Error ? failure.message : String(failure))))];
  const variables = missing.map((name) => ENDPOINT_VARIABLES[name]).join(', ');
  return new DevServicesError(
    [
      `could not bring up ${missing.join(', ')}:`,
      ...reasons.map((reason) => `- ${reason}`),
      'One of these is enough: a running Docker daemon; Java 17 or later with Maven 3.6 or later;',
      `or services of your own, named by ${variables}.`,
    ].join('\n'),
    { cause: failures[0] },
  );
}
