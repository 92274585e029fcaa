/**
 * A guarded extension of kafkajs 2.2.4: a produce request that failed is not repeated by kafkajs.
 *
 * Its retry is wrong where a send goes to several leaders: it writes again, under new sequence numbers, what another
 * leader has not answered yet, and it leaves out what has moved to a leader that has answered. Here the error of a produce
 * request is one that kafkajs does not retry; whoever sends decides what to repeat. An idempotent producer of kafkajs must
 * be allowed retries, which then are for connections and metadata alone.
 */
import kafkajs from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import type { BrokerInternals } from './cluster-extension.ts';
import { kafkajsInternal } from './guard.ts';

type ProducingBroker = BrokerInternals & { produce(args: object): Promise<unknown> };

/**
 * Makes the produce requests of a broker final.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function produceOnce(broker: BrokerInternals): void {
  kafkajsInternal('src/broker/index.js');
  const producing = broker as ProducingBroker;
  const { produce } = producing;
  if (typeof produce !== 'function') {
    throw new WeirError('state_invalid', 'kafkajs does not have the internals that weir extends; reinstall the exact version with npm ci.');
  }
  producing.produce = async (args) => {
    try {
      return await produce.call(broker, args);
    } catch (thrown) {
      throw Object.assign(new kafkajs.KafkaJSNonRetriableError(thrown as Error), { cause: thrown });
    }
  };
}
