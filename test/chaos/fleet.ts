/** Worker processes: started, killed, frozen, drained; each in a slot that keeps its identity over restarts. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/dev/index.ts';
import { type ServiceProcess, startProcess, tailOf, waitUntilReady } from '../../src/dev/process.ts';
import type { ScenarioContext } from './scenario.ts';

/** Entry file of the weir that is held to account: the source, or a build that `WEIR_CHAOS_ENTRY` names. */
const WEIR = process.env['WEIR_CHAOS_ENTRY'] ?? fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** How long a worker may take to say that it is ready. */
const READY_MS = 60_000;

/** A worker that ended by itself is started again after this long, as Kubernetes would. */
const RESTART_MS = 1_000;

/** What the workers are. */
export interface FleetOptions {
  /** Path of the pipeline file. */
  readonly file: string;
  /** Arguments of node for the worker of a slot; default: `weir run`. */
  readonly args?: (slot: number) => readonly string[];
  /** False: the program has no /readyz; it counts as ready when it runs. */
  readonly hasProbes?: boolean;
  /** More environment for the worker of a slot. */
  readonly envOf?: (slot: number) => Readonly<Record<string, string>>;
  /** False: a worker that ends by itself stays away. Default: started again, and a problem of the run. */
  readonly restarts?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

interface Slot {
  process: ServiceProcess;
  readonly opsPort: number;
  /** True from the moment that we end it. */
  isEnding: boolean;
}

/** The workers of a scenario. */
export class Fleet {
  private readonly context: ScenarioContext;
  private readonly options: FleetOptions;
  private readonly slots = new Map<number, Slot>();
  private readonly restarting = new Set<NodeJS.Timeout>();
  /** Launches of workers that had ended by themselves. */
  private readonly relaunching = new Set<Promise<void>>();
  /** Launches by slot. */
  private readonly launching = new Map<number, Promise<void>>();
  /** From the moment that all are ended: nobody is started again. */
  private isOver = false;
  /** Workers that ended by themselves: slot, how, last words. */
  readonly endings: string[] = [];
  /** Milliseconds from each SIGTERM to the end. */
  readonly drainsMs: number[] = [];

  constructor(context: ScenarioContext, options: FleetOptions) {
    this.context = context;
    this.options = options;
    context.defer(() => this.killAll());
  }

  /** Starts the workers of these slots and waits until all are ready. */
  async start(...slots: number[]): Promise<void> {
    await Promise.all(slots.map((slot) => this.launch(slot)));
    await Promise.all(slots.map((slot) => this.ready(slot)));
  }

  /** Starts a worker without waiting for it to be ready; one that runs, as after two kills of a slot in turn, is left alone: a second would be lost. */
  async launch(slot: number): Promise<void> {
    const underWay = this.launching.get(slot);
    if (underWay) return await underWay;
    if (this.slots.get(slot)?.process.hasEnded() === false) return;
    const launching = this.begin(slot).finally(() => this.launching.delete(slot));
    this.launching.set(slot, launching);
    await launching;
  }

  private async begin(slot: number): Promise<void> {
    const { file, args, env, envOf } = this.options;
    const opsPort = this.slots.get(slot)?.opsPort ?? (await freePorts(1))[0]!;
    const process_ = await startProcess({
      name: `worker ${slot}`,
      command: process.execPath,
      args: args?.(slot) ?? [WEIR, 'run', '--config', file],
      logFile: this.logOf(slot),
      env: { ...process.env, LOG_LEVEL: 'info', ...env, ...envOf?.(slot), WEIR_OPS_PORT: String(opsPort), CHAOS_SLOT: String(slot) },
    });
    const entry: Slot = { process: process_, opsPort, isEnding: false };
    this.slots.set(slot, entry);
    void process_.outcome.then((how) => {
      if (!entry.isEnding) this.onEnding(slot, how);
    });
  }

  /** Waits until a worker is ready. @throws when it ends or takes too long */
  async ready(slot: number): Promise<void> {
    const { process: worker, opsPort } = this.slot(slot);
    if (this.options.hasProbes === false) return;
    await waitUntilReady(worker, () => answersOk(`http://127.0.0.1:${opsPort}/readyz`), { timeoutMs: READY_MS, pollMs: 100 });
  }

  /** Waits until a worker has begun to answer, and with that to listen for signals. */
  private async alive(slot: number): Promise<void> {
    const { process: worker, opsPort } = this.slot(slot);
    if (this.options.hasProbes === false) return;
    await waitUntilReady(worker, () => answersOk(`http://127.0.0.1:${opsPort}/livez`), { timeoutMs: 10_000, pollMs: 100 });
  }

  /** kill -9. */
  async kill(slot: number): Promise<void> {
    const entry = this.slot(slot);
    entry.isEnding = true;
    entry.process.kill('SIGKILL');
    await entry.process.outcome;
  }

  /** SIGSTOP: the worker stands still and does not know it. */
  freeze(slot: number): void {
    this.slot(slot).process.kill('SIGSTOP');
  }

  thaw(slot: number): void {
    this.slot(slot).process.kill('SIGCONT');
  }

  /** SIGTERM, and waits for the end. Anything but exit code 0 is noted as an ending. */
  async drain(slot: number): Promise<void> {
    const entry = this.slot(slot);
    if (entry.process.hasEnded()) return;
    entry.isEnding = true;
    // A process that was started just now does not listen for signals yet.
    await this.alive(slot).catch(() => undefined);
    const startedMs = performance.now();
    await entry.process.stop(40_000);
    this.drainsMs.push(performance.now() - startedMs);
    const how = await entry.process.outcome;
    if (how !== 'exit 0') this.endings.push(this.words(slot, `${how} after SIGTERM`));
  }

  /** Drains all that run, for good. */
  async drainAll(): Promise<void> {
    await this.stopRestarting();
    await Promise.all([...this.slots.keys()].map((slot) => this.drain(slot)));
  }

  async killAll(): Promise<void> {
    await this.stopRestarting();
    await Promise.all([...this.slots.keys()].map((slot) => this.kill(slot)));
  }

  private async stopRestarting(): Promise<void> {
    this.isOver = true;
    for (const timer of this.restarting) clearTimeout(timer);
    // One that is being started now would outlive the others, and the run would wait for it for ever.
    await Promise.all(this.relaunching);
  }

  /** How the worker of a slot ended. */
  outcome(slot: number): Promise<string> {
    return this.slot(slot).process.outcome;
  }

  isRunning(slot: number): boolean {
    return this.slots.get(slot)?.process.hasEnded() === false;
  }

  /** Resident memory in bytes; undefined when the worker has ended. */
  rssBytes(slot: number): number | undefined {
    const { process: worker } = this.slot(slot);
    if (worker.hasEnded()) return undefined;
    try {
      return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(worker.pid)], { encoding: 'utf8' })) * 1024;
    } catch {
      return undefined;
    }
  }

  /** The page of `/metrics`; undefined when the worker does not answer. */
  async metrics(slot: number): Promise<string | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.slot(slot).opsPort}/metrics`, { signal: AbortSignal.timeout(2_000) });
      return await answer.text();
    } catch {
      return undefined;
    }
  }

  /** The end of the log of a worker. */
  lastWords(slot: number, lines = 4): string {
    return tailOf(this.logOf(slot), lines);
  }

  private onEnding(slot: number, how: string): void {
    this.endings.push(this.words(slot, how));
    if (this.options.restarts === false || this.isOver) return;
    const timer = setTimeout(() => {
      this.restarting.delete(timer);
      const launched: Promise<void> = this.launch(slot)
        .catch((error: unknown) => void this.endings.push(String(error)))
        .finally(() => this.relaunching.delete(launched));
      this.relaunching.add(launched);
    }, RESTART_MS);
    this.restarting.add(timer);
  }

  private words(slot: number, how: string): string {
    return `worker ${slot} ended by itself (${how}): ${this.lastWords(slot, 2).slice(-600)}`;
  }

  private slot(slot: number): Slot {
    const found = this.slots.get(slot);
    if (!found) throw new Error(`There is no worker ${slot}.`);
    return found;
  }

  private logOf(slot: number): string {
    return join(this.context.folder, `worker-${slot}.log`);
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
