import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import type { Position } from '../../../src/core/records.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { createExactlyOnceSink } from '../../../src/kafka/exactly-once-sink.ts';
import type { GroupMember } from '../../../src/kafka/transactional-producer.ts';

const INTERVAL_MS = 100;
const MEMBER: GroupMember = { groupId: 'g', generationId: 4, memberId: 'm' };

/** A transaction log in memory: what each transaction wrote and how it ended; errors can be put in its way. */
function harness() {
  const clock = new ManualClock();
  /** `start`, `begin`, `write v1 v2`, `commit 0:5 as 4`, `abort`, `close`, numbered by producer. */
  const log: string[] = [];
  const failures = new Map<string, Error[]>();
  const rewinds: number[] = [];
  const outcomes: string[] = [];
  const group = {
    member: MEMBER as GroupMember | undefined,
    epochs: new Map([
      [0, 1],
      [1, 1],
    ]),
    committed: [] as string[],
  };
  const failAt = (step: string, ...errors: Error[]): void => void failures.set(step, errors);
  const step = async (name: string, text: string): Promise<void> => {
    const failure = failures.get(name)?.shift();
    if (failure !== undefined) {
      log.push(`${text} ✗`);
      throw failure;
    }
    log.push(text);
  };
  let producers = 0;
  const sink = createExactlyOnceSink({
    createProducer: () => {
      const id = ++producers;
      return {
        start: () => step('start', `${id} start`),
        begin: () => step('begin', `${id} begin`),
        write: (outputs) => step('write', `${id} write ${outputs.map((o) => o.topic).join(' ')}`),
        commit: (member, positions) =>
          step('commit', `${id} commit ${positions.map((p) => `${p.partition}:${p.nextOffset}`).join(' ')} as ${member.generationId}`),
        abort: () => step('abort', `${id} abort`),
        close: () => step('close', `${id} close`),
      };
    },
    limitsOf: () => ({ partitions: 1, partitionBytes: 1e6 }),
    source: {
      get member() {
        return group.member;
      },
      owns: ({ partition, epoch }) => group.epochs.get(partition) === epoch,
      rewind: () => {
        rewinds.push(log.length);
        for (const [partition, epoch] of group.epochs) group.epochs.set(partition, epoch + 1);
      },
      committed: (positions) => void group.committed.push(...positions.map((p) => `${p.partition}:${p.nextOffset}`)),
    },
    commitIntervalMs: INTERVAL_MS,
    onTransaction: (outcome, seconds) => void outcomes.push(`${outcome} ${seconds}`),
    clock,
    logger: silentLogger,
  });
  const position = (partition: number, nextOffset: number): Position => ({
    topic: 't',
    partition,
    epoch: group.epochs.get(partition)!,
    nextOffset,
  });
  const emit = (positions: Position[], isClosing = false): Promise<boolean> =>
    sink.emit({ outputs: positions.length > 0 ? [new OutputRecords('out')] : [], positions, isClosing });
  return { sink, clock, log, failAt, rewinds, outcomes, group, position, emit };
}

const kafkaError = (type: string): Error => new WeirError('transaction_aborted', type, { cause: Object.assign(new Error(type), { type }) });
const away = (): WeirError => new WeirError('kafka_unavailable', 'away');

describe('exactly-once sink', () => {
  it('commits several emissions and the newest position of each partition in one transaction, when the interval is over', async () => {
    const { sink, clock, log, outcomes, position, emit, group } = harness();
    await sink.start();
    expect(sink.msUntilClosing(clock.monotonicMs())).toBe(Number.POSITIVE_INFINITY);
    expect(await emit([position(0, 5)])).toBe(true);
    clock.advance(40);
    expect(await emit([position(0, 9), position(1, 3)])).toBe(true);
    expect(sink.msUntilClosing(clock.monotonicMs())).toBe(60);
    expect(group.committed).toEqual([]);
    clock.advance(60);
    expect(sink.msUntilClosing(clock.monotonicMs())).toBe(0);
    expect(await emit([], true)).toBe(true);
    expect(log).toEqual(['1 start', '1 begin', '1 write out', '1 write out', '1 commit 0:9 1:3 as 4']);
    expect(group.committed).toEqual(['0:9', '1:3']);
    expect(outcomes).toEqual(['committed 0.1']);
    expect(sink.msUntilClosing(clock.monotonicMs())).toBe(Number.POSITIVE_INFINITY);
    expect(await emit([], true)).toBe(true);
    expect(log).toHaveLength(5);
  });

  it('commits with a closing emission alone, for only that has the drift counts of all rows, and at once when asked to flush', async () => {
    const { sink, clock, log, position, emit } = harness();
    await sink.start();
    await emit([position(0, 5)]);
    clock.advance(2 * INTERVAL_MS);
    await emit([position(0, 6)]);
    expect(log.at(-1)).toBe('1 write out');
    await emit([position(0, 7)], true);
    expect(log.at(-1)).toBe('1 commit 0:7 as 4');
    await emit([position(0, 8)]);
    await sink.flush();
    await sink.flush();
    expect(log.slice(-3)).toEqual(['1 begin', '1 write out', '1 commit 0:8 as 4']);
  });

  it('moves positions alone, for records that nobody sees', async () => {
    const { sink, log, position } = harness();
    await sink.start();
    await sink.emit({ outputs: [], positions: [position(0, 5)], isClosing: true });
    expect(log).toEqual(['1 start', '1 begin', '1 commit 0:5 as 4']);
  });

  it.each(['begin', 'write', 'commit'])('after an error in %s: a new producer, and everything is read again', async (where) => {
    const { sink, log, failAt, rewinds, position, emit } = harness();
    await sink.start();
    failAt(where, kafkaError('INVALID_PRODUCER_EPOCH'));
    const stale = position(0, 5);
    expect(await emit([stale], true)).toBe(false);
    // The new producer is started at once: only that ends what the old one left open, for which the positions wait.
    expect([log.slice(-3), rewinds.length]).toEqual([[expect.stringContaining(`1 ${where}`), '1 close', '2 start'], 1]);
    // What was made of the rows that are read again must not be written.
    expect(await emit([stale], true)).toBe(false);
    expect(log.at(-1)).toBe('2 start');
    expect(await emit([position(0, 5)], true)).toBe(true);
    expect(log.slice(-3)).toEqual(['2 begin', '2 write out', '2 commit 0:5 as 4']);
  });

  it('waits for brokers that are away with the emission in hand, as long as its records are ours', async () => {
    const { sink, log, failAt, rewinds, position, emit } = harness();
    await sink.start();
    failAt('commit', away());
    failAt('start', away(), away());
    expect(await emit([position(0, 5)], true)).toBe(false);
    const again = position(0, 5);
    await expect(emit([again], true)).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await expect(emit([again], true)).rejects.toMatchObject({ code: 'kafka_unavailable' });
    expect(await emit([again], true)).toBe(true);
    expect([log.at(-1), rewinds.length]).toEqual(['4 commit 0:5 as 4', 1]);
  });

  it('starts the next producer until it can, also when nothing is emitted', async () => {
    const { sink, clock, log, failAt, position, emit } = harness();
    await sink.start();
    failAt('write', away());
    failAt('start', away(), away());
    await emit([position(0, 5)]);
    for (let i = 0; i < 4; i++) {
      clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(log.filter((line) => line.includes('start'))).toEqual(['1 start', '2 start ✗', '3 start ✗', '4 start']);
    failAt('write', away());
    failAt('start', new WeirError('not_authorized', 'no'));
    await emit([position(0, 5)]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.failure).toMatchObject({ code: 'not_authorized' });
  });

  it('ends on an error that another turn cannot cure', async () => {
    const { sink, failAt, position, emit } = harness();
    await sink.start();
    failAt('write', new WeirError('output_refused', 'too large'));
    await expect(emit([position(0, 5)])).rejects.toMatchObject({ code: 'output_refused' });
  });

  it('gives up a transaction of an earlier generation instead of mixing two, also when nothing is emitted', async () => {
    const { sink, log, rewinds, group, position, emit } = harness();
    await sink.start();
    await emit([position(0, 5)]);
    group.member = { ...MEMBER, generationId: 5 };
    expect(await emit([position(0, 6)])).toBe(false);
    expect([log.slice(-2), rewinds.length]).toEqual([['1 close', '2 start'], 1]);
    await emit([position(0, 5)]);
    group.member = undefined;
    expect(await emit([], true)).toBe(true);
    expect([log.slice(-2), rewinds.length]).toEqual([['2 close', '3 start'], 2]);
  });

  it('withdraws an emission whose partition has gone to another worker', async () => {
    const { sink, log, group, rewinds, position, emit } = harness();
    await sink.start();
    const gone = position(0, 5);
    group.epochs.delete(0);
    expect(await emit([gone, position(1, 7)])).toBe(false);
    // Else the pipeline would let go of 1:7 as if it were written, and the next commit would pass it.
    expect([log, rewinds.length]).toEqual([['1 start'], 1]);
  });

  it('says so when a flush could not commit', async () => {
    const { sink, failAt, rewinds, position, emit } = harness();
    await sink.start();
    await emit([position(0, 5)]);
    failAt('commit', kafkaError('ILLEGAL_GENERATION'));
    await expect(sink.flush()).rejects.toMatchObject({ code: 'kafka_unavailable' });
    expect(rewinds).toHaveLength(1);
    await sink.flush();
  });

  it('survives being fenced now and then, and ends when another worker keeps taking its id', async () => {
    const { sink, clock, failAt, position, emit } = harness();
    await sink.start();
    const fenced = async (): Promise<boolean> => {
      failAt('write', kafkaError('PRODUCER_FENCED'));
      return emit([position(0, 5)]);
    };
    for (let i = 0; i < 4; i++) expect(await fenced()).toBe(false);
    clock.advance(60_000);
    for (let i = 0; i < 4; i++) expect(await fenced()).toBe(false);
    await expect(fenced()).rejects.toMatchObject({ code: 'transactional_id_shared' });
  });

  it('aborts what is open when it is closed', async () => {
    const { sink, log, position, emit } = harness();
    await sink.start();
    await emit([position(0, 5)]);
    await sink.close();
    expect(log.slice(-2)).toEqual(['1 abort', '1 close']);
    const idle = harness();
    await idle.sink.start();
    await idle.sink.close();
    expect(idle.log).toEqual(['1 start', '1 close']);
  });

  it('starts no producer after it is closed', async () => {
    const { sink, clock, log, failAt, position, emit } = harness();
    await sink.start();
    failAt('write', away());
    failAt('start', away());
    await emit([position(0, 5)]);
    await sink.close();
    const before = log.length;
    clock.advance(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(log.slice(before)).toEqual([]);
  });
});
