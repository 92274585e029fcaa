/** Latency of one worker under a paced load: from the CreateTime of an event to the LogAppendTime of its prediction. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Quantiles, quantiles } from '../statistics.ts';
import { type Filler, startFiller } from './filler.ts';
import type { EventStream, Format } from './format.ts';
import { type Competitor, connectAdmin, createTopic, type Place, withSession } from './session.ts';
import { readPredictions } from './verify.ts';
import { FORMATS, type Workload } from './workloads.ts';

/** How often events are written. */
const TICK_MS = 2;
/** Between the warm-up and the first event that counts. */
const REST_MS = 1_000;
/** Of each rate, at its beginning. */
const LEFT_OUT = 0.25;
/** A worker that gathers rows is told to gather them for a short time, since many peers have none by default or one that suits full topics. */
const DEFAULTS = { WINDOW_MS: '5', LINGER_MS: '0' };

/** What was measured at one rate; milliseconds, of whole ones. */
export interface LatencyRun extends Quantiles {
  readonly rate: number;
  readonly max: number;
  /** Of the worker. */
  readonly cores: number;
}

/** What is to be measured. */
export interface LatencyOptions {
  readonly competitor: Competitor;
  readonly workload: Workload;
  /** Events per second, one after the other. */
  readonly rates: readonly number[];
  readonly seconds: number;
}

/** @throws Error when the worker fails, or predictions are missing */
export async function measureLatency(place: Place, { competitor, workload, rates, seconds }: LatencyOptions): Promise<LatencyRun[]> {
  const format: Format = FORMATS[workload.base];
  const inputTopic = `${place.prefix}-paced-${competitor.name}-${workload.name}`;
  const admin = await connectAdmin(place.brokers);
  await createTopic(admin, inputTopic);
  const filler = await startFiller(place.brokers, inputTopic);
  try {
    return await withSession(place, { competitor, workload, inputTopic, defaults: DEFAULTS }, async (session) => {
      const stream = format.events();
      const counts = rates.map((rate) => Math.round(rate * seconds));
      const createdMs = new Float64Array(counts.reduce((sum, count) => sum + count, format.warmUpEvents));
      await filler.write(stream, format.warmUpEvents, Date.now());
      await session.until(format.warmUpEvents);
      const cores: number[] = [];
      let made = format.warmUpEvents;
      for (const [i, rate] of rates.entries()) {
        await delay(REST_MS);
        const before = await session.sample();
        await writePaced(filler, stream, rate, createdMs.subarray(made, made + counts[i]!), place.signal);
        const after = await session.sample();
        cores.push((after.cpuSeconds - before.cpuSeconds) / ((after.atMs - before.atMs) / 1000));
        made += counts[i]!;
        await session.until(made);
      }
      await session.worker.stop();
      const latencyMs = new Float64Array(made).fill(Number.NaN);
      await readPredictions(place.brokers, session.outputTopic, (value, appendedMs) => {
        const number = format.numberOf(value);
        latencyMs[number] = appendedMs - createdMs[number]!;
      });
      let from = format.warmUpEvents;
      return rates.map((rate, i) => {
        const counted = latencyMs.subarray(from + Math.floor(counts[i]! * LEFT_OUT), from + counts[i]!);
        from += counts[i]!;
        if (counted.some(Number.isNaN)) throw new Error(`At ${rate} events/s there are events without a prediction.`);
        return { rate, ...quantiles([...counted]), max: counted.reduce((a, b) => Math.max(a, b)), cores: cores[i]! };
      });
    });
  } finally {
    await filler.close();
    await admin.deleteTopics({ topics: [inputTopic] });
    await admin.disconnect();
  }
}

/** Writes as many events as `createdMs` has places, and puts down when each was created. */
async function writePaced(filler: Filler, stream: EventStream, rate: number, createdMs: Float64Array, signal: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  for (let written = 0; written < createdMs.length; ) {
    signal.throwIfAborted();
    const due = Math.min(createdMs.length, Math.floor(((performance.now() - startedMs) * rate) / 1000) + 1);
    if (due > written) {
      const nowMs = Date.now();
      createdMs.fill(nowMs, written, due);
      await filler.write(stream, due - written, nowMs);
      written = due;
    }
    await delay(TICK_MS);
  }
}
