import { describe, expect, it } from 'vitest';
import { hold, letGo, responseBuffer } from '../../../../src/kafka/protocol/response-buffers.ts';

const SIZE = 100_000;

describe('response buffers', () => {
  it('are used again once everybody who held them has let go, and not before', () => {
    const first = responseBuffer(SIZE);
    expect(first).toHaveLength(SIZE);
    const part = first.subarray(10, 20);
    hold(first);
    hold(part);
    letGo(first);
    expect(responseBuffer(SIZE).buffer).not.toBe(first.buffer);
    letGo(part);
    expect(responseBuffer(SIZE).buffer).toBe(first.buffer);
  });

  it('are not handed out twice', () => {
    const first = responseBuffer(SIZE);
    hold(first);
    letGo(first);
    letGo(first);
    const second = responseBuffer(SIZE);
    expect(second.buffer).toBe(first.buffer);
    expect(responseBuffer(SIZE).buffer).not.toBe(first.buffer);
  });

  it('are given to whom they are large enough for', () => {
    const small = responseBuffer(70_000);
    hold(small);
    letGo(small);
    const large = responseBuffer(1_000_000);
    expect(large).toHaveLength(1_000_000);
    expect(large.buffer).not.toBe(small.buffer);
    expect(responseBuffer(70_000).buffer).toBe(small.buffer);
  });

  it('leave memory alone that is not theirs', () => {
    const foreign = Buffer.allocUnsafeSlow(SIZE);
    hold(foreign);
    letGo(foreign);
    expect(responseBuffer(SIZE).buffer).not.toBe(foreign.buffer);
  });

  it('below 64 kB are not kept', () => {
    const small = responseBuffer(1_000);
    hold(small);
    letGo(small);
    expect(responseBuffer(1_000).buffer).not.toBe(small.buffer);
  });
});
