import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';
import { installIdleTimerFix } from '../../../../src/kafka/protocol/idle-timer.ts';

interface RequestQueue extends EventEmitter {
  pending: object[];
  throttledUntil: number;
  push(request: object): void;
  checkPendingRequests(): void;
}

const RequestQueue = kafkajsInternal<new (options: object) => RequestQueue>('src/network/requestQueue/index.js');

/** Timers armed and not yet over, in place of real ones. */
let timers: { delayMs: number; callback: () => void }[];

beforeEach(() => {
  timers = [];
  const arm = (callback: () => void, delayMs = 0): object => {
    const timer = { delayMs, callback };
    timers.push(timer);
    return timer;
  };
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(arm as unknown as typeof setTimeout);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Lets the timers that are armed now go off; returns their delays. */
function goOff(): number[] {
  return timers.splice(0).map(({ callback, delayMs }) => {
    callback();
    return delayMs;
  });
}

function queue(maxInFlightRequests = 1): RequestQueue {
  const logger = { debug: () => {}, error: () => {} };
  return new RequestQueue({ maxInFlightRequests, requestTimeout: 1_000, enforceRequestTimeout: false, clientId: 'c', broker: 'b', logger });
}

function request(correlationId: number, sent: number[]): object {
  return {
    entry: { correlationId, resolve: () => {}, reject: () => {} },
    expectResponse: true,
    sendRequest: () => void sent.push(correlationId),
  };
}

// The order matters: what is patched stays patched.
describe('a request queue of kafkajs', () => {
  it('as it is in stock re-arms a timer for ever while it is idle, with a delay below zero', () => {
    queue().checkPendingRequests();
    for (let i = 0; i < 5; i++) {
      const [delayMs, ...others] = goOff();
      expect(delayMs).toBeLessThan(0);
      expect(others).toEqual([]);
    }
    expect(timers).toHaveLength(1);
  });

  it('arms no timer while it is idle once it is patched, nor after a request that was sent at once', () => {
    installIdleTimerFix();
    installIdleTimerFix();
    const idle = queue();
    idle.checkPendingRequests();
    expect(timers).toEqual([]);
    const sent: number[] = [];
    idle.push(request(1, sent));
    expect([sent, timers]).toEqual([[1], []]);
  });

  it('still looks again in 10 ms while requests wait for those in flight', () => {
    const sent: number[] = [];
    const busy = queue();
    busy.push(request(1, sent));
    busy.push(request(2, sent));
    expect(sent).toEqual([1]);
    expect(goOff()).toEqual([10]);
    expect(timers).toHaveLength(1);
  });

  it('still sends what waited when a throttle of the broker is over, and is idle then', () => {
    const now = vi.spyOn(Date, 'now').mockReturnValue(1_000);
    const sent: number[] = [];
    const throttled = queue(5);
    throttled.throttledUntil = 1_250;
    throttled.push(request(1, sent));
    expect(sent).toEqual([]);
    now.mockReturnValue(1_250);
    expect(goOff()).toEqual([250]);
    expect([sent, timers]).toEqual([[1], []]);
  });
});
