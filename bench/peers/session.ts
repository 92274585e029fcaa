/** One worker at work: its topics, its process, and how far it has come. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { quietKafka } from '../../examples/flights/topic-reader.ts';
import { systemClock } from '../../src/core/clock.ts';
import { applyTopics } from '../../src/kafka/topics.ts';
import { busySeconds, cpuSecondsOf, processesOf, residentMbOf } from './processes.ts';
import type { Sample } from './samples.ts';
import { startWorker, type WorkerProcess } from './worker-process.ts';
import type { Workload } from './workloads.ts';

/** Partitions of all topics. */
export const PARTITIONS = 4;
const SAMPLE_MS = 100;
/** A broker that cannot say how far the worker is for so long is broken. */
const PATIENCE_MS = 10_000;
/** A worker that does nothing for so long has failed. */
const STALLED_MS = 60_000;
/** Of a worker at work the processes are looked up only so often: it takes milliseconds. */
const SAMPLES_PER_LOOK = 10;

/** A worker that is compared. */
export interface Competitor {
  readonly name: string;
  /** For `sh -c`. */
  readonly command: string;
  /** Names of workloads; undefined: all. */
  readonly workloads?: readonly string[];
}

/** Where everything is. */
export interface Place {
  /** host:port, separated by commas */
  readonly brokers: string;
  /** host:port */
  readonly redis: string;
  /** Undefined where it is no process of ours. */
  readonly brokerPid: number | undefined;
  /** Undefined where it is no process of ours. */
  readonly redisPid: number | undefined;
  /** For logs and schemas. */
  readonly folder: string;
  /** Begins the names of all topics and groups of this process. */
  readonly prefix: string;
  /** Aborted when the person has had enough. */
  readonly signal: AbortSignal;
}

/** A worker at work. */
export interface Session {
  readonly worker: WorkerProcess;
  readonly outputTopic: string;
  sample(): Promise<Sample>;
  /**
   * Waits until so many events are done, sampling.
   * @throws Error with the last words of the worker, when it ends or does nothing for a minute
   */
  until(events: number): Promise<Sample[]>;
  /** Records in the output topic, markers of transactions included. */
  written(): Promise<number>;
}

/** What a session is of. */
export interface SessionOptions {
  readonly competitor: Competitor;
  readonly workload: Workload;
  readonly inputTopic: string;
  /** Beyond the contract; what the environment of this process says wins. */
  readonly defaults?: Readonly<Record<string, string>>;
}

/** Starts a worker on an output topic of its own, and removes both at the end. */
export async function withSession<T>(
  place: Place,
  { competitor, workload, inputTopic, defaults }: SessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const outputTopic = `${place.prefix}-${workload.name}-${competitor.name}-${randomUUID().slice(0, 8)}`;
  // One of its own each time: kafkajs asks for topics that it once knew for ever, and fails when they are gone.
  const admin = await connectAdmin(place.brokers);
  let worker: WorkerProcess | undefined;
  try {
    await createTopic(admin, outputTopic, { 'message.timestamp.type': 'LogAppendTime' });
    const env = { ...defaults, ...process.env, ...environment(place, workload, inputTopic, outputTopic) };
    worker = await startWorker(competitor.name, competitor.command, env, join(place.folder, `${outputTopic}.log`));
    return await use(sessionOf(place, { worker, admin, workload, inputTopic, outputTopic }));
  } finally {
    await worker?.stop();
    // A worker may have made others, such as one for dead letters. Groups have the same beginning.
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(outputTopic));
    await admin.deleteTopics({ topics });
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(outputTopic));
    // Best effort: a member that was killed is one until its session is over.
    await admin.deleteGroups(groups).catch(() => undefined);
    await admin.disconnect();
  }
}

/** An admin client that is connected; whoever asks for it disconnects it. */
export async function connectAdmin(brokers: string): Promise<Admin> {
  const admin = quietKafka('bench', brokers.split(',')).admin();
  await admin.connect();
  return admin;
}

/** Creates a topic and waits until it has leaders; kafkajs' own wait fails on a broker that is slow to learn of the topic. */
export async function createTopic(admin: Admin, topic: string, config: Readonly<Record<string, string>> = {}): Promise<void> {
  // Deleted files are gone soon: a run writes hundreds of megabytes.
  const spec = {
    topic,
    role: 'bench',
    partitions: PARTITIONS,
    replicationFactor: 1,
    config: { 'file.delete.delay.ms': '1000', ...config },
  };
  await applyTopics(admin, [spec], { dryRun: false, clock: systemClock });
}

/** Asks again for a while: a broker may say that it does not lead a partition which it was just given. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const deadlineMs = performance.now() + PATIENCE_MS; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  }
}

/** The contract, as the worker is told of it. */
function environment(place: Place, workload: Workload, inputTopic: string, outputTopic: string): Record<string, string> {
  return {
    KB: place.brokers,
    IN: inputTopic,
    OUT: outputTopic,
    GROUP: outputTopic,
    REDIS: place.redis,
    MODEL: workload.modelFile,
    WL: workload.base,
    RMODE: workload.layout,
    MODE: workload.delivery === 'exactly-once' ? 'eos' : 'alo',
    SCHEMAS: place.folder,
  };
}

interface Parts {
  readonly worker: WorkerProcess;
  readonly admin: Admin;
  readonly workload: Workload;
  readonly inputTopic: string;
  readonly outputTopic: string;
}

function sessionOf(place: Place, { worker, admin, workload, inputTopic, outputTopic }: Parts): Session {
  let pids: readonly number[] = [];
  let samplesSinceLook = Number.POSITIVE_INFINITY;
  const written = async (): Promise<number> => {
    return (await admin.fetchTopicOffsets(outputTopic)).reduce((sum, { high }) => sum + Number(high), 0);
  };
  /** Markers of transactions count as records of the output, so there positions of the input are what counts. */
  const done = async (): Promise<number> => {
    if (workload.delivery === 'at-least-once') return written();
    const [topic] = await admin.fetchOffsets({ groupId: outputTopic, topics: [inputTopic] });
    return topic!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  };
  const sample = async (): Promise<Sample> => {
    const events = await patiently(done);
    if (++samplesSinceLook >= SAMPLES_PER_LOOK) {
      pids = processesOf(worker.pid);
      // Until it does something it may still be starting the process that will.
      samplesSinceLook = events === 0 ? Number.POSITIVE_INFINITY : 0;
    }
    const atMs = performance.now();
    const { user, system } = process.cpuUsage();
    const cpuSeconds = cpuSecondsOf(pids);
    const brokerCpuSeconds = place.brokerPid === undefined ? Number.NaN : cpuSecondsOf([place.brokerPid]);
    const redisCpuSeconds = place.redisPid === undefined ? Number.NaN : cpuSecondsOf([place.redisPid]);
    const otherCpuSeconds = busySeconds() - cpuSeconds - brokerCpuSeconds - redisCpuSeconds - (user + system) / 1e6;
    return { atMs, events, cpuSeconds, brokerCpuSeconds, redisCpuSeconds, otherCpuSeconds, rssMb: residentMbOf(pids) };
  };
  return {
    worker,
    outputTopic,
    written: () => patiently(written),
    sample,
    async until(events) {
      const taken: Sample[] = [];
      let moved: Sample | undefined;
      for (;;) {
        const latest = await sample();
        taken.push(latest);
        if (latest.events >= events) return taken;
        place.signal.throwIfAborted();
        worker.assertAlive();
        if (latest.events !== moved?.events) moved = latest;
        if (latest.atMs - moved.atMs > STALLED_MS) {
          throw new Error(`After ${latest.events} of ${events} events nothing was done for ${STALLED_MS / 1000} s. ${worker.lastWords()}`);
        }
        await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
      }
    },
  };
}
