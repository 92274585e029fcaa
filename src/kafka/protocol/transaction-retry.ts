/**
 * A guarded extension of kafkajs 2.2.4: CONCURRENT_TRANSACTIONS is waited out in milliseconds.
 *
 * A broker answers EndTxn before the transaction's markers are written, and refuses the next transaction of the same
 * transactional id by CONCURRENT_TRANSACTIONS until they are, which takes a few ms. kafkajs repeats AddPartitionsToTxn
 * and InitProducerId after 300 ms and more, so back-to-back transactions stall, and AddOffsetsToTxn not at all, so the
 * transaction fails. Here all three are repeated after 2 ms and growing pauses up to 20 ms, until a deadline; then the
 * error goes to kafkajs as in stock. None of these answers is logged: they are no trouble.
 */
import { type Clock, sleep, systemClock } from '../../core/clock.ts';
import { API_KEYS, type BrokerInternals, sendRequest } from './cluster-extension.ts';
import { kafkajsInternal } from './guard.ts';

const { requests } = kafkajsInternal<{ requests: Readonly<Record<string, unknown>> }>('src/protocol/requests/index.js');

/** Requests that are refused while the previous transaction is being completed, by method of kafkajs' `Broker`. */
const REQUEST_BY_METHOD = {
  initProducerId: 'InitProducerId',
  addPartitionsToTxn: 'AddPartitionsToTxn',
  addOffsetsToTxn: 'AddOffsetsToTxn',
} as const;

const FIRST_PAUSE_MS = 2;
const PAUSE_GROWTH = 1.5;
const MAX_PAUSE_MS = 20;

/** How long a request is repeated. A transaction that completes later has a leader away; kafkajs and the caller wait for that. */
export const CONCURRENT_TRANSACTIONS_DEADLINE_MS = 5_000;

/** Lets a broker repeat the requests that CONCURRENT_TRANSACTIONS refuses. */
export function retryConcurrentTransactions(broker: BrokerInternals, clock: Clock = systemClock): void {
  for (const [method, name] of Object.entries(REQUEST_BY_METHOD)) {
    broker[method as keyof typeof REQUEST_BY_METHOD] = async (args: never): Promise<unknown> => {
      const deadlineMs = clock.monotonicMs() + CONCURRENT_TRANSACTIONS_DEADLINE_MS;
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * PAUSE_GROWTH, MAX_PAUSE_MS)) {
        try {
          const request = broker.lookupRequest(API_KEYS[name]!, requests[name])(args);
          return await sendRequest(broker, { ...request, logResponseError: false });
        } catch (error) {
          if ((error as { type?: string }).type !== 'CONCURRENT_TRANSACTIONS' || clock.monotonicMs() + pauseMs > deadlineMs) throw error;
        }
        await sleep(clock, pauseMs);
      }
    };
  }
}
