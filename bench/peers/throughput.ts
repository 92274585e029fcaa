/** One worker works a full topic off. */
import { type Run, runFrom } from './samples.ts';
import { type Competitor, type Place, withSession } from './session.ts';
import { type Verification, verify } from './verify.ts';
import type { Workload } from './workloads.ts';

/** A run, and what was found in its output. */
export interface ThroughputRun extends Run {
  readonly verification?: Verification;
}

/** What is to be worked off. */
export interface ThroughputOptions {
  readonly competitor: Competitor;
  readonly workload: Workload;
  /** Holds `events` events. */
  readonly inputTopic: string;
  readonly events: number;
  readonly isVerified: boolean;
}

/** @throws Error when the worker fails, or did not do what it was to do */
export async function measureThroughput(place: Place, options: ThroughputOptions): Promise<ThroughputRun> {
  const { workload, events } = options;
  return await withSession(place, options, async (session) => {
    const run = runFrom(await session.until(events), events);
    await session.worker.stop();
    if (workload.delivery === 'exactly-once' && (await session.written()) <= events) {
      throw new Error('MODE was eos, but there are no markers of transactions in the output. Leave this workload out for this peer.');
    }
    if (!options.isVerified) return run;
    return { ...run, verification: await verify(place.brokers, session.outputTopic, workload, events) };
  });
}
