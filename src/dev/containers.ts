import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { GenericContainer, StartedTestContainer } from 'testcontainers';
import type { LineLog } from './cache.ts';
import { guardItem, releaseItem } from './guard.ts';
import { portAt, withFreePorts } from './ports.ts';
import { REGISTRY_PATH, REGISTRY_VERSION } from './registry.ts';

/** A service that there is an image of. */
type ServiceWithImage = 'kafka' | 'redis' | 'registry';

/** The official images. */
export function imagesOf(kafkaVersion: string): Readonly<Record<ServiceWithImage, string>> {
  return {
    kafka: `apache/kafka:${kafkaVersion}`,
    redis: 'redis:7',
    registry: `apicurio/apicurio-registry:${REGISTRY_VERSION}`,
  };
}

/** A service in a container. */
export interface ContainerService {
  readonly endpoint: string;
  readonly containerId: string;
  /** Ends and removes the container with its volumes. */
  stop(): Promise<void>;
  /** Lets the container outlive this process. */
  release(): void;
}

/** Starts services in containers of a Docker daemon that is there and has their images. */
export interface ContainerRuntime {
  start(service: ServiceWithImage): Promise<ContainerService>;
}

/**
 * Finds a Docker daemon that answers and has, or can pull, the images of the services.
 * @returns undefined when there is no daemon (silently) or the images cannot be had (with a line that says so)
 */
export async function findContainerRuntime(
  services: readonly ServiceWithImage[],
  log: LineLog,
  kafkaVersion: string,
): Promise<ContainerRuntime | undefined> {
  const images = imagesOf(kafkaVersion);
  if (!mayHaveDocker(process.env)) return undefined;
  // The reaper is a further image that has to be pulled; the guard of this process does the same work.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const testcontainers = await import('testcontainers').catch(() => undefined); // a development dependency
  if (testcontainers === undefined) return undefined;
  const client = await testcontainers.getContainerRuntimeClient().catch(() => undefined);
  if (client === undefined) return undefined;
  for (const service of services) {
    const image = testcontainers.ImageName.fromString(images[service]);
    try {
      if (await client.image.exists(image)) continue;
      log(`pulling ${images[service]} …`);
      await client.image.pull(image);
      if (!(await client.image.exists(image))) throw new Error('it is not there after the pull');
    } catch (error) {
      log(`Docker answers but cannot pull ${images[service]} (${(error as Error).message.split('\n')[0]})`);
      return undefined;
    }
  }
  const { Wait } = testcontainers;
  const imageOf = (service: ServiceWithImage): GenericContainer => new testcontainers.GenericContainer(images[service]);
  const host = client.info.containerRuntime.host;
  const start = {
    kafka: () =>
      withFreePorts(1, async (ports) => {
        // The broker must advertise the port of the host, which is therefore chosen before.
        const port = portAt(ports, 0);
        return startGuarded(
          imageOf('kafka')
            .withExposedPorts({ container: 9092, host: port })
            .withEnvironment(kafkaEnvironment(`${host}:${port}`))
            .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
            .withStartupTimeout(120_000),
          () => `${host}:${port}`,
        );
      }),
    redis: async () => {
      return startGuarded(
        imageOf('redis')
          .withExposedPorts(6379)
          .withCommand(['redis-server', '--save', '', '--appendonly', 'no'])
          .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/)),
        (container) => `redis://${host}:${container.getMappedPort(6379)}`,
      );
    },
    registry: async () => {
      return startGuarded(
        imageOf('registry')
          .withExposedPorts(8080)
          .withWaitStrategy(Wait.forHttp(`${REGISTRY_PATH}/subjects`, 8080))
          .withStartupTimeout(180_000),
        (container) => `http://${host}:${container.getMappedPort(8080)}${REGISTRY_PATH}`,
      );
    },
  };
  return { start: (service) => start[service]() };
}

/** False where no daemon can be: saves the time of asking. Docker, Docker Desktop, Colima, Rancher, OrbStack, Podman. */
function mayHaveDocker(env: NodeJS.ProcessEnv): boolean {
  if (env['DOCKER_HOST'] || existsSync(join(homedir(), '.testcontainers.properties'))) return true;
  const runtime = env['XDG_RUNTIME_DIR'];
  const sockets = [
    '/var/run/docker.sock',
    ...(runtime ? [join(runtime, 'docker.sock'), join(runtime, '.docker/run/docker.sock'), join(runtime, 'podman/podman.sock')] : []),
    ...[
      '.docker/run/docker.sock',
      '.docker/desktop/docker.sock',
      '.colima/default/docker.sock',
      '.rd/docker.sock',
      '.orbstack/run/docker.sock',
    ].map((path) => join(homedir(), path)),
  ];
  return sockets.some((socket) => existsSync(socket));
}

function kafkaEnvironment(advertised: string): Record<string, string> {
  return {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9094',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'INTERNAL',
    KAFKA_LISTENERS: 'HOST://:9092,INTERNAL://:9093,CONTROLLER://:9094',
    KAFKA_ADVERTISED_LISTENERS: `HOST://${advertised},INTERNAL://localhost:9093`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'HOST:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '4',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: '4',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
  };
}

/** Starts a container that is guarded from before it exists: starting takes long, and this process may end meanwhile. */
async function startGuarded(
  description: GenericContainer,
  endpointOf: (container: StartedTestContainer) => string,
): Promise<ContainerService> {
  const mark = randomUUID();
  guardItem(`container:${mark}`);
  const container = await description.withLabels({ 'weir.guard': mark }).start();
  let stopped: Promise<void> | undefined;
  return {
    endpoint: endpointOf(container),
    containerId: container.getId(),
    stop() {
      stopped ??= container.stop({ remove: true, removeVolumes: true, timeout: 10_000 }).then(() => releaseItem(`container:${mark}`));
      return stopped;
    },
    release: () => releaseItem(`container:${mark}`),
  };
}
