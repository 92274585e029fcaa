import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, chmod, readdir, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installOnce, type LineLog } from './cache.ts';
import { DevServicesError } from './errors.ts';
import { type LocalService, type LocalServiceOptions, startService } from './local-service.ts';
import { unpackJar } from './maven.ts';
import { portAt, withFreePorts } from './ports.ts';
import { startProcess, waitUntilReady } from './process.ts';
import { findOnPath } from './programs.ts';
import { createDataFolder } from './workspace.ts';

/** How to start a Redis server. */
export interface RedisOptions extends LocalServiceOptions {
  readonly log?: LineLog;
  /** More arguments of redis-server, such as `--requirepass`, `secret`. */
  readonly args?: readonly string[];
  /** True: a sentinel, which watches no master yet. */
  readonly sentinel?: boolean;
}

/**
 * Starts a real redis-server without persistence: the one on PATH, else the binary that a Maven artifact carries for
 * Linux and macOS (6.2; needs no root, and Java and Maven only for the first run).
 * @throws DevServicesError
 */
export async function startRedis(options: RedisOptions = {}): Promise<LocalService> {
  const program = findOnPath('redis-server') ?? (await installRedis(options.log ?? (() => undefined)));
  const folder = await createDataFolder('redis', options.dataFolder);
  try {
    return await withFreePorts(1, async (ports) => {
      const port = options.port ?? portAt(ports, 0);
      const logFile = join(folder.path, 'redis.log');
      await rm(logFile, { force: true });
      const mode = options.sentinel ? [await sentinelFile(folder.path), '--sentinel'] : [];
      return startService({
        folder,
        endpoint: `redis://127.0.0.1:${port}`,
        port,
        start: () =>
          startProcess({
            name: 'Redis',
            command: program,
            args: [...mode, ...serverArgs(port, folder.path), ...(options.args ?? [])],
            logFile,
          }),
        untilReady: (process) => waitUntilReady(process, () => answersPing(port), { timeoutMs: 20_000, pollMs: 20 }),
      });
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

function serverArgs(port: number, folder: string): string[] {
  return ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder];
}

/** The file that a sentinel keeps what it knows in; it does not start without. */
async function sentinelFile(folder: string): Promise<string> {
  const file = join(folder, 'sentinel.conf');
  await appendFile(file, '');
  return file;
}

/** True when something that speaks the Redis protocol answers: PONG, or that it wants a password first. */
async function answersPing(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const answer = (isReady: boolean): void => {
      socket.destroy();
      resolve(isReady);
    };
    socket.setTimeout(1000, () => answer(false));
    socket.on('data', (data) => answer(/^(\+PONG|-NOAUTH)/.test(data.toString('latin1'))));
    socket.on('error', () => answer(false));
    socket.on('close', () => answer(false));
  });
}

const REDIS_ARTIFACT = 'com.github.codemonstur:embedded-redis:1.4.3';

async function installRedis(log: LineLog): Promise<string> {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  if (!['linux-amd64', 'linux-arm64', 'darwin-amd64', 'darwin-arm64'].includes(platform)) {
    throw new DevServicesError(`there is no redis-server on PATH and none to fetch for ${platform}`);
  }
  const home = await installOnce({
    name: 'redis-6.2',
    announcement: 'fetching Redis 6.2 (12 MB, once; no redis-server on PATH) …',
    log,
    async install(folder) {
      await unpackJar(REDIS_ARTIFACT, 'redis-server-*', folder);
      const file = (await readdir(folder)).find((name) => name.startsWith('redis-server-') && name.endsWith(platform));
      if (file === undefined) throw new DevServicesError(`${REDIS_ARTIFACT} holds no redis-server for ${platform}`);
      const program = join(folder, 'redis-server');
      await rename(join(folder, file), program);
      await chmod(program, 0o755);
      for (const name of await readdir(folder)) if (name !== 'redis-server') await rm(join(folder, name), { recursive: true });
      // It is linked with the OpenSSL of the system: better to fail here, with the loader's words, than at each start.
      await promisify(execFile)(program, ['--version']).catch((error: unknown) => {
        throw new DevServicesError(`the fetched redis-server does not run here; install Redis: ${(error as Error).message}`, {
          cause: error,
        });
      });
    },
  });
  const program = join(home, 'redis-server');
  if (!existsSync(program)) throw new DevServicesError(`${home} is damaged; remove it and start again`);
  return program;
}
