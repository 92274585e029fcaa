import type { ServiceProcess } from './process.ts';
import type { DataFolder } from './workspace.ts';

/** A real service that runs as one process of this machine. */
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
  /** Ends the process, waits for its end and removes its data (but not a folder that the caller gave). Never fails twice. */
  stop(): Promise<void>;
  /** Lets process and data outlive this process; whoever calls this tells the person how to end them. */
  release(): void;
}

/** Where a service runs and keeps its data. Both are chosen when absent. */
export interface LocalServiceOptions {
  /** The port to listen on, for a restart behind clients that are connected already. */
  readonly port?: number;
  /** A folder of the caller's, to start again on the data of an earlier run. */
  readonly dataFolder?: string;
}

/** Puts a process and its folder together. */
export function localServiceFrom(process: ServiceProcess, folder: DataFolder, endpoint: string, port: number): LocalService {
  return {
    name: process.name,
    endpoint,
    port,
    pid: process.pid,
    dataFolder: folder.path,
    logFile: process.logFile,
    outcome: process.outcome,
    kill: process.kill,
    async stop() {
      await process.stop();
      await folder.remove();
    },
    release() {
      process.release();
      folder.release();
    },
  };
}
