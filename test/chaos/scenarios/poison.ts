/** Records that cannot be scored, up to whole topics of them, and such as are made to exhaust memory. */
import { accountFor } from '../accounts.ts';
import type { Expectation, Input } from '../checker.ts';
import { encodeEvent, POISON } from '../events.ts';
import { eventMessage, type MessageOf } from '../load.ts';
import { megabytes, MemoryWatch } from '../memory.ts';
import { TOPICS } from '../pipeline.ts';
import { randomFrom, seedOf, wholeBetween } from '../random.ts';
import { type Findings, type Scenario, type ScenarioContext, until } from '../scenario.ts';
import type { ExpectedScores } from '../scores.ts';
import { setStage, settle, type StageOptions } from '../stage.ts';

/** What a worker may say of bytes that are no event. */
const CODES = ['frame_invalid', 'decode_failed', 'data_unresolvable', 'missing_required', 'not_finite', 'out_of_range'];

/** A worker may hold what it has queued, one fetch of every partition, and copies of it on the way out. */
const MEMORY_MARGIN = 350e6;

/** Ways to be poison, each from a number that is drawn for it. */
const KINDS: readonly ((seed: number, sequence: number) => Buffer)[] = [
  (seed, sequence) => randomBytes(seedOf(seed, sequence, 9), wholeBetween(randomFrom(seedOf(seed, sequence, 8)), 1, 60)),
  (seed, sequence) => encodeEvent(seed, sequence).subarray(0, -1 - (sequence % 40)), // truncated
  (seed, sequence) => Buffer.concat([encodeEvent(seed, sequence), Buffer.from([1])]), // a byte too many
  () => Buffer.alloc(0),
  (seed, sequence) => withNumber(seed, sequence, Number.NaN),
  (seed, sequence) => withNumber(seed, sequence, 1e9),
];

/** Values that promise far more than they hold. */
const BOMBS: readonly Buffer[] = [
  Buffer.from('00feffffff0f', 'hex'), // a string of 2,147,483,647 bytes
  Buffer.from('00feffffffffffffffff01', 'hex'), // of 2^63 − 1
  Buffer.from('0001', 'hex'), // of −1
  Buffer.from('ffffffffffffffffffffffff', 'hex'), // a varint without an end
  Buffer.alloc(64, 0x80),
];

/** One record in a hundred is poison. */
export const poisonFew: Scenario = {
  name: 'poison-1',
  faults: '1 % of the records are random, truncated, too long, empty, not finite or out of range',
  holds: 'each becomes a dead letter with its bytes; all others are scored',
  deliveries: ['exactly-once'],
  run: (context) => run(context, { share: 0.01, count: context.isQuick ? 10_000 : 60_000, poison: kinds(context.seed) }),
};

/** Nothing but poison. */
export const poisonAll: Scenario = {
  name: 'poison-100',
  faults: 'every record is poison',
  holds: 'each becomes a dead letter with its bytes; memory is bounded',
  deliveries: ['exactly-once'],
  run: (context) => run(context, { share: 1, count: 20_000, poison: kinds(context.seed) }, { pipeline: guarded(false) }),
};

/** The dead-letter volume guard stops a worker that only makes dead letters. */
export const poisonGuard: Scenario = {
  name: 'poison-guard',
  faults: 'every record is poison, with the guard of dead letters on',
  holds: 'the worker stops with dead_letter_share_exceeded before half of the topic is drained into the dead letters',
  deliveries: ['exactly-once'],
  async run(context) {
    const { seed, signal } = context;
    const message: MessageOf = (sequence) => ({ key: `${POISON}${sequence}`, value: kinds(seed)(sequence) });
    const stage = await setStage(context, { pipeline: guarded(true), load: { message }, fleet: { restarts: false } });
    const { fleet, load } = stage;
    await load.bulk(40_000);
    await fleet.launch(0);
    await until(() => !fleet.isRunning(0), { signal, timeoutMs: 90_000, what: 'the worker stops' });
    const problems: string[] = [];
    if (!fleet.endings.some((words) => words.includes('exit 1'))) problems.push(`ended with ${fleet.endings.join('; ')}`);
    if (!fleet.lastWords(0, 20).includes('dead_letter_share_exceeded')) problems.push(`does not say why: ${fleet.lastWords(0)}`);
    if (!/Such as \S+ at offset \d+, \w+: /.test(fleet.lastWords(0, 20))) problems.push('does not name a record');
    return await accountFor(context, stage.pipeline, load, fleet, {
      ...{ faults: load.sent, problems, mayEnd: true },
      // What the worker has not come to is left where it is.
      expect: () => ({ deadLetterCodes: CODES, isOptional: true }),
      // None: the transaction in which the guard trips is given up, and the message names one of the records.
      also: (outputs) => (outputs.length > load.sent / 2 ? [`${outputs.length} dead letters were written`] : []),
    });
  },
};

function guarded(enabled: boolean): NonNullable<StageOptions['pipeline']> {
  const deadLetters = { topic: TOPICS.deadLetters, guard: { enabled, forMs: 5_000, minRecords: 1_000 } };
  return { partitions: 4, sections: { output: { deadLetters } } };
}

/** Lengths that lie. */
export const avroBombs: Scenario = {
  name: 'avro-bombs',
  faults: '10 % of the records are Avro bombs: lengths of 2 GB and more, endless varints',
  holds: 'each becomes a dead letter with its bytes; memory is bounded',
  deliveries: ['exactly-once'],
  run: (context) => run(context, { share: 0.1, count: 20_000, poison: (sequence) => BOMBS[sequence % BOMBS.length]! }),
};

/** Records of 10 MB. */
export const largeRecords: Scenario = {
  name: 'large-records',
  faults: '20 records of 10 MB that are no events, among 5,000 events',
  holds: 'each becomes a dead letter with its bytes; memory is bounded',
  deliveries: ['exactly-once'],
  run(context) {
    const limit = String(12_000_000);
    return run(
      context,
      { share: 0, every: 250, count: 5_000, poison: (sequence) => Buffer.alloc(10_000_000, sequence & 0xff) },
      {
        brokerProperties: { 'message.max.bytes': limit, 'replica.fetch.max.bytes': limit },
        pipeline: {
          partitions: 4,
          inputConfig: { 'max.message.bytes': limit },
          outputConfig: { 'max.message.bytes': limit },
        },
      },
    );
  },
};

interface Poison {
  /** Share of the records that are poison. */
  readonly share: number;
  /** Instead of a share: one record in so many. */
  readonly every?: number;
  readonly count: number;
  readonly poison: (sequence: number) => Buffer;
}

async function run(context: ScenarioContext, { share, every, count, poison }: Poison, options: StageOptions = {}): Promise<Findings> {
  const { seed } = context;
  const isPoison = (sequence: number): boolean =>
    every === undefined ? randomFrom(seedOf(seed, sequence, 7))() < share : sequence % every === every - 1;
  const message: MessageOf = (sequence) =>
    isPoison(sequence)
      ? { key: `${POISON}${sequence}`, value: poison(sequence), headers: { sequence: String(sequence) } }
      : eventMessage(seed, sequence);
  const stage = await setStage(context, { pipeline: { partitions: 4 }, ...options, load: { message } });
  const { fleet, load, pipeline } = stage;
  await fleet.start(0);
  const watch = new MemoryWatch(context, fleet, [0]);
  // What a worker needs for events alone; the poison comes on top.
  const chunk = every === undefined ? 1_000 : every / 2;
  for (let sent = 0; sent < count; sent += chunk) await load.send(chunk);
  const steady = fleet.rssBytes(0) ?? 0;
  await pipeline.drained(60_000).catch(() => context.signal.throwIfAborted()); // if it lasts, `settle` says so
  const peak = watch.mark();
  await watch.stop();
  const problems = peak > steady + MEMORY_MARGIN ? [`resident memory grew to ${megabytes(peak)}`] : [];
  const faults = Array.from({ length: load.sent }, (_, sequence) => sequence).filter(isPoison).length;
  return await settle(context, stage, {
    ...{ faults, problems, notes: [`resident memory at most ${megabytes(peak)}`] },
    expect: expectation,
  });
}

function kinds(seed: number): (sequence: number) => Buffer {
  return (sequence) => KINDS[sequence % KINDS.length]!(seed, sequence);
}

function expectation(input: Input, { full }: ExpectedScores): Expectation {
  return input.sequence === undefined ? { deadLetterCodes: CODES } : { score: full[input.sequence] };
}

function randomBytes(seed: number, length: number): Buffer {
  const random = randomFrom(seed);
  return Buffer.from(Array.from({ length }, () => wholeBetween(random, 0, 255)));
}

/** An event whose last number is another. */
function withNumber(seed: number, sequence: number, value: number): Buffer {
  const bytes = Buffer.from(encodeEvent(seed, sequence));
  bytes.writeDoubleLE(value, bytes.length - 8);
  return bytes;
}
