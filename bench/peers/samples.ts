/** What is read from outside while a worker works a topic off, and the window that counts. */

/** Counters at one moment. */
export interface Sample {
  readonly atMs: number;
  /** Events that are done. */
  readonly events: number;
  readonly cpuSeconds: number;
  /** NaN where the broker is no process of ours. */
  readonly brokerCpuSeconds: number;
  /** NaN where Redis is no process of ours. */
  readonly redisCpuSeconds: number;
  /** CPU time of everything else on the machine, without this process; NaN where broker and Redis are no processes of ours. */
  readonly otherCpuSeconds: number;
  readonly rssMb: number;
}

/** One measured run. NaN is what is not known. */
export interface Run {
  readonly eventsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly brokerCpuSecondsPerMillion: number;
  readonly redisCpuSecondsPerMillion: number;
  /** The most that was seen. */
  readonly rssMb: number;
  /** Cores that were busy with something else than worker, broker, Redis and this process. */
  readonly otherCores: number;
  readonly seconds: number;
}

/** Start and just-in-time compilation are not what is measured. */
const LEFT_OUT = 0.25;

/** @param samples until all events were done, in order */
export function runFrom(samples: readonly Sample[], events: number): Run {
  const from = events * LEFT_OUT;
  const grown = (counter: keyof Sample): number => valueAt(samples, events, counter) - valueAt(samples, from, counter);
  const millions = (events - from) / 1e6;
  const seconds = grown('atMs') / 1000;
  return {
    eventsPerSecond: (events - from) / seconds,
    cpuSecondsPerMillion: grown('cpuSeconds') / millions,
    brokerCpuSecondsPerMillion: grown('brokerCpuSeconds') / millions,
    redisCpuSecondsPerMillion: grown('redisCpuSeconds') / millions,
    rssMb: Math.max(...samples.map(({ rssMb }) => rssMb)),
    otherCores: grown('otherCpuSeconds') / seconds,
    seconds,
  };
}

/** The counter when so many events were done: on the straight line between the samples before and after. */
function valueAt(samples: readonly Sample[], events: number, counter: keyof Sample): number {
  const index = samples.findIndex((sample) => sample.events >= events);
  const after = samples[index];
  if (!after) throw new Error(`Of ${events} events only ${samples.at(-1)?.events ?? 0} were done.`);
  const before = samples[index - 1];
  if (!before) return after[counter];
  return before[counter] + ((after[counter] - before[counter]) * (events - before.events)) / (after.events - before.events);
}
