import { describe, expect, it } from 'vitest';
import type { Encoder } from '../../../../src/kafka/protocol/flexible.ts';
import { fetchStableOffsets, offsetFetch } from '../../../../src/kafka/protocol/stable-offsets.ts';
import { fakeBroker, hastyClock, UNSTABLE_OFFSET_COMMIT } from './transactions.ts';

const QUERY = { groupId: 'gr', topic: 'in', partitions: [4, 5], isCancelled: () => false };

describe('OffsetFetch version 7', () => {
  it('writes what the protocol specification says', async () => {
    const { request } = offsetFetch(QUERY);
    expect([request.apiKey, request.apiVersion]).toEqual([9, 7]);
    // biome-ignore format: a field a line
    expect([...((await request.encode()) as Encoder).buffer]).toEqual([
      0, // no tagged fields in the header
      3, 0x67, 0x72, // group id
      2, 3, 0x69, 0x6e, // one topic and its name
      3, 0, 0, 0, 4, 0, 0, 0, 5, // two partitions
      0, // tags of the topic
      1, // require_stable
      0, // tags of the request
    ]);
  });

  it('reads the answer, and throws error codes of the group and of partitions', async () => {
    const { response } = offsetFetch(QUERY);
    // biome-ignore format: a field a line
    const answer = (ofPartition: number, ofGroup: number): Buffer => Buffer.from([
      0, 0, 0, 0, 11, // header tags, throttle time
      2, 3, 0x69, 0x6e, // one topic and its name
      3, // two partitions
      0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 3, 0xc3, 0xa9, 0, 0, 0, // index, offset, leader epoch, metadata, error, tags
      0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, ofPartition, 0,
      0, 0, ofGroup, 0, // tags of the topic, error of the group, tags
    ]);
    const decoded = await response.decode(answer(0, 0));
    expect(decoded).toEqual({
      clientSideThrottleTime: 11,
      partitions: [
        { partition: 4, offset: 4_294_967_297, errorCode: 0 },
        { partition: 5, offset: -1, errorCode: 0 },
      ],
      errorCode: 0,
    });
    await expect(response.parse((await response.decode(answer(88, 0))) as never)).rejects.toMatchObject({ type: 'UNSTABLE_OFFSET_COMMIT' });
    await expect(response.parse((await response.decode(answer(0, 16))) as never)).rejects.toMatchObject({
      type: 'NOT_COORDINATOR_FOR_GROUP',
    });
  });
});

describe('fetchStableOffsets', () => {
  const stable = {
    partitions: [
      { partition: 4, offset: 10 },
      { partition: 5, offset: -1 },
    ],
  };

  it('waits in steps of 20 to 50 ms and leaves out partitions without a commit', async () => {
    const clock = hastyClock();
    const { broker } = fakeBroker([88, 88, 88, 88, 88, stable]);
    let waits = 0;
    const onWait = (): Promise<void> => Promise.resolve(void waits++);
    expect(await fetchStableOffsets(broker, { ...QUERY, onWait }, clock)).toEqual(new Map([[4, 10]]));
    expect(clock.pauses).toEqual([20, 30, 40, 50, 50]);
    expect(waits).toBe(5);
  });

  it('stops when it is cancelled, at another error, and with a broker that is too old', async () => {
    let asked = 0;
    const cancelled = fakeBroker([UNSTABLE_OFFSET_COMMIT, UNSTABLE_OFFSET_COMMIT, stable]);
    const isCancelled = (): boolean => ++asked === 2;
    await expect(fetchStableOffsets(cancelled.broker, { ...QUERY, isCancelled }, hastyClock())).rejects.toMatchObject({
      type: 'UNSTABLE_OFFSET_COMMIT',
    });
    expect(cancelled.sent).toHaveLength(2);
    await expect(fetchStableOffsets(fakeBroker([16]).broker, QUERY, hastyClock())).rejects.toMatchObject({
      type: 'NOT_COORDINATOR_FOR_GROUP',
    });
    await expect(fetchStableOffsets(fakeBroker([], 6).broker, QUERY)).rejects.toMatchObject({ code: 'config_invalid' });
  });
});
