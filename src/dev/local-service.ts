import { existsSync } from 'node:fs';
import { DevServicesError } from './errors.ts';
import type { ServiceProcess } from './process.ts';
import type { DataFolder } from './workspace.ts';

/** A real service that runs as one process of this machine. After a restart `pid` and `outcome` are those of the new process. */
export interface LocalService {
  readonly name: string;
  /** What clients are given: `127.0.0.1:9092`, `redis://127.0.0.1:6379`, `http://127.0.0.1:8080/apis/ccompat/v7`. */
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  readonly dataFolder: string;
  readonly logFile: string;
  /** Resolves when the process has ended, with how: `exit 0`, `SIGKILL`. */
  readonly outcome: Promise<string>;
  /**
   * Sends a signal to the process and leaves its data where they are: `SIGKILL` crashes it, `SIGSTOP` and `SIGCONT`
   * freeze and thaw it.
   */
  kill(signal: NodeJS.Signals): void;
  /**
   * Starts the service again on the same port and the same data, after ending it in order if it still runs, and waits
   * until it is ready. @throws DevServicesError also when it was stopped meanwhile or its data are gone
   */
  restart(): Promise<void>;
  /** Ends the process, waits for its end and removes its data (but not a folder that the caller gave). Never fails twice. */
  stop(): Promise<void>;
  /** Lets process and data outlive this process; whoever calls this tells the person how to end them. */
  release(): void;
}

/** Where a service runs and keeps its data. Both are chosen when absent. */
export interface LocalServiceOptions {
  /** The port to listen on, for a start behind clients that know it already. */
  readonly port?: number;
  /** A folder of the caller's, to start again on the data of an earlier run. */
  readonly dataFolder?: string;
}

/** What makes a service of a program. */
export interface LocalServiceParts {
  readonly folder: DataFolder;
  readonly endpoint: string;
  readonly port: number;
  /** Starts the process, on the same port and folder each time, without waiting for it. */
  start(): Promise<ServiceProcess>;
  /** Waits until the process serves. @throws DevServicesError when it ends or takes too long */
  untilReady(process: ServiceProcess): Promise<void>;
}

/** A service whose process has been started. */
export interface StartingService {
  readonly service: LocalService;
  /** Waits until it serves. @throws DevServicesError when it does not come to that; the process is ended then */
  ready(): Promise<void>;
}

/** Starts the process of a service. @throws DevServicesError */
export async function beginService(parts: LocalServiceParts): Promise<StartingService> {
  const { folder, endpoint, port } = parts;
  let process = await parts.start();
  let restarting: Promise<void> | undefined;
  let stops = 0;
  const ready = async (): Promise<void> => {
    const waitedFor = process;
    try {
      await parts.untilReady(waitedFor);
    } catch (error) {
      await waitedFor.stop();
      throw error;
    }
  };
  const startAgain = async (): Promise<void> => {
    const stopsBefore = stops;
    await process.stop();
    if (stops === stopsBefore) {
      if (!existsSync(folder.path)) throw new DevServicesError(`${process.name} was stopped for good: ${folder.path} is gone`);
      process = await parts.start();
    }
    if (stops !== stopsBefore) {
      await process.stop();
      throw new DevServicesError(`${process.name} was stopped while it was restarted`);
    }
    await ready();
  };
  const service: LocalService = {
    name: process.name,
    endpoint,
    port,
    get pid() {
      return process.pid;
    },
    dataFolder: folder.path,
    logFile: process.logFile,
    get outcome() {
      return process.outcome;
    },
    kill: (signal) => process.kill(signal),
    restart() {
      restarting ??= startAgain().finally(() => {
        restarting = undefined;
      });
      return restarting;
    },
    async stop() {
      stops++;
      await process.stop();
      // It throws to whoever called it. Here only its end counts, and that it has left no process.
      await restarting?.catch(() => undefined);
      await folder.remove();
    },
    release() {
      process.release();
      folder.release();
    },
  };
  return { service, ready };
}

/** Starts a service and waits until it is ready. @throws DevServicesError */
export async function startService(parts: LocalServiceParts): Promise<LocalService> {
  const { service, ready } = await beginService(parts);
  await ready();
  return service;
}
