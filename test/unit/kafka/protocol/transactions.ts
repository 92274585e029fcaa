import type { Clock } from '../../../../src/core/clock.ts';
import type { BrokerInternals, BrokerRequest } from '../../../../src/kafka/protocol/cluster-extension.ts';
import { errorFromCode } from '../../../../src/kafka/protocol/flexible.ts';

/** Error codes of Kafka's protocol. */
export const CONCURRENT_TRANSACTIONS = 51;
export const INVALID_PRODUCER_EPOCH = 47;
export const UNSTABLE_OFFSET_COMMIT = 88;

/** A broker without a network: each request is answered by the next of `answers`, a number is an error code. */
export interface FakeBroker {
  readonly broker: BrokerInternals;
  readonly sent: BrokerRequest[];
  answers: unknown[];
}

/** A broker that speaks everything up to version 7. */
export function fakeBroker(answers: unknown[], newest = 7): FakeBroker {
  const sent: BrokerRequest[] = [];
  const fake: FakeBroker = {
    sent,
    answers,
    broker: {
      nodeId: '1',
      versions: Object.fromEntries(Array.from({ length: 40 }, (_, apiKey) => [apiKey, { minVersion: 0, maxVersion: newest }])),
      connectionPool: {
        send: (request) => {
          sent.push(request);
          const answer = fake.answers.shift();
          if (answer instanceof Error) return Promise.reject(answer);
          return typeof answer === 'number' ? Promise.reject(errorFromCode(answer)) : Promise.resolve(answer);
        },
      },
      lookupRequest: (apiKey) => () => ({ request: { apiKey } }) as BrokerRequest,
      isConnected: () => true,
      disconnect: () => Promise.resolve(),
      initProducerId: () => Promise.resolve('stock'),
      addPartitionsToTxn: () => Promise.resolve('stock'),
      addOffsetsToTxn: () => Promise.resolve('stock'),
      txnOffsetCommit: () => Promise.resolve('stock'),
      endTxn: () => Promise.resolve('stock'),
    },
  };
  return fake;
}

/** A clock on which every pause is over at once; `pauses` says how long they would have been. */
export function hastyClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = [];
  let nowMs = 0;
  return {
    pauses,
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, callback) {
      pauses.push(delayMs);
      nowMs += delayMs;
      queueMicrotask(callback);
      return () => {};
    },
  };
}
