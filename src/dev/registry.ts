import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { installOnce, type LineLog } from './cache.ts';
import { DevServicesError } from './errors.ts';
import { type LocalService, type LocalServiceOptions, startService } from './local-service.ts';
import { fetchFile } from './maven.ts';
import { portAt, withFreePorts } from './ports.ts';
import { startProcess, tailOf, waitUntilReady } from './process.ts';
import { requireJava } from './programs.ts';
import { createDataFolder } from './workspace.ts';

/** The version of Apicurio Registry that demo and tests run on; the last line that runs on Java 17. */
export const REGISTRY_VERSION = '3.0.9';

/** The part of Apicurio Registry that speaks the API of Confluent's schema registry. */
export const REGISTRY_PATH = '/apis/ccompat/v7';

/** How to start a schema registry. */
export interface RegistryOptions extends LocalServiceOptions {
  readonly log?: LineLog;
  /** Asks clients for this user and password (basic authentication). */
  readonly credentials?: { readonly username: string; readonly password: string };
}

/**
 * Starts Apicurio Registry in memory; `endpoint` is the base URL for clients of Confluent's API. Ids begin anew at
 * every start. Needs Java 17, and Maven for the first run (109 MB).
 * @throws DevServicesError
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<LocalService> {
  const java = await requireJava(17);
  const home = await installRegistry(options.log ?? (() => undefined));
  const folder = await createDataFolder('registry', options.dataFolder);
  try {
    return await withFreePorts(1, async (ports) => {
      const port = options.port ?? portAt(ports, 0);
      const logFile = join(folder.path, 'registry.log');
      await rm(logFile, { force: true });
      const endpoint = `http://127.0.0.1:${port}${REGISTRY_PATH}`;
      return startService({
        folder,
        endpoint,
        port,
        start: () =>
          startProcess({
            name: `Apicurio Registry ${REGISTRY_VERSION}`,
            command: java,
            args: serverArgs(port, folder.path, options.credentials),
            cwd: home,
            logFile,
          }),
        untilReady: (process) => waitUntilReady(process, () => answers(endpoint), { timeoutMs: 180_000, pollMs: 100 }),
      });
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

function serverArgs(port: number, folder: string, credentials: RegistryOptions['credentials']): string[] {
  return [
    ...['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
    `-Djava.io.tmpdir=${folder}`, // vertx-cache would stay in the system's
    ...['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${port}`, '-Dquarkus.log.level=WARN'],
    '-Djava.util.logging.manager=org.jboss.logmanager.LogManager',
    ...authentication(credentials),
    ...['-jar', `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`],
  ];
}

/** True when the registry answers requests; 401 is an answer, too. */
async function answers(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/subjects`, { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
    return response.status === 200 || response.status === 401;
  } catch {
    return false;
  }
}

function authentication(credentials: RegistryOptions['credentials']): string[] {
  if (credentials === undefined) return [];
  return [
    '-Dapicurio.auth.enabled=true',
    '-Dquarkus.http.auth.basic=true',
    '-Dquarkus.security.users.embedded.enabled=true',
    '-Dquarkus.security.users.embedded.plain-text=true',
    `-Dquarkus.security.users.embedded.users.${credentials.username}=${credentials.password}`,
    `-Dquarkus.security.users.embedded.roles.${credentials.username}=sr-admin`,
  ];
}

async function installRegistry(log: LineLog): Promise<string> {
  return await installOnce({
    name: `apicurio-registry-${REGISTRY_VERSION}`,
    announcement: `fetching Apicurio Registry ${REGISTRY_VERSION} (109 MB, once) …`,
    log,
    async install(folder) {
      const archive = join(folder, 'registry.tar.gz');
      await fetchFile(`io.apicurio:apicurio-registry-app:${REGISTRY_VERSION}:tar.gz:all`, archive, folder);
      const logFile = join(folder, 'tar.log');
      const tar = await startProcess({ name: 'tar', command: 'tar', args: ['xzf', archive, '-C', folder], logFile });
      const outcome = await tar.outcome;
      if (outcome !== 'exit 0') throw new DevServicesError(`tar failed (${outcome}):\n${tailOf(logFile)}`);
      await rm(archive);
    },
  });
}
