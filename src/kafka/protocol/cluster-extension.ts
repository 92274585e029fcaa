/**
 * Guarded access to the parts of kafkajs 2.2.4 that talk to brokers, for extensions that belong to one client only.
 *
 * kafkajs hides the `Cluster` of a producer, consumer or admin in a closure. Here a client is made from a `Kafka` that
 * stands before the real one and hands each new cluster to an extension first. Nothing is patched on a prototype, so
 * every other client of the process stays stock.
 */
import type { Kafka } from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import { kafkajsInternal } from './guard.ts';

/** What a request of kafkajs' protocol layer consists of. `Data` is what its response gives. */
export interface BrokerRequest<Data = unknown> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<unknown>;
  };
  readonly response: {
    decode(bytes: Buffer): Promise<unknown>;
    /** @throws KafkaJSProtocolError for an error code */
    parse(data: never): Promise<Data>;
  };
  /** False: kafkajs does not log an error response at level ERROR. */
  readonly logResponseError?: boolean;
}

/** A request by the arguments of kafkajs' `Broker` methods. */
export type BrokerMethod = (args: never) => Promise<unknown>;

/** Methods of kafkajs' `Broker` that ask a coordinator. */
export const COORDINATOR_METHODS = ['initProducerId', 'addPartitionsToTxn', 'addOffsetsToTxn', 'txnOffsetCommit', 'endTxn'] as const;

/** The part of kafkajs' `Broker` that is used here. */
export interface BrokerInternals extends Record<(typeof COORDINATOR_METHODS)[number], BrokerMethod> {
  readonly nodeId: string | number | null;
  /** What the broker speaks, by API key; null before it has been asked. */
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null;
  readonly connectionPool: { send(request: BrokerRequest): Promise<unknown> };
  /** The newest version of a request that both sides speak. */
  lookupRequest(apiKey: number, definition: unknown): (args: never) => BrokerRequest;
  isConnected(): boolean;
  disconnect(): Promise<void>;
}

/** Type of a coordinator in FindCoordinator: of a group (0) or of a transactional id (1). */
export type CoordinatorType = 0 | 1;

/** What kafkajs asks when it looks for a coordinator. */
export interface CoordinatorQuery {
  /** Group id or transactional id. */
  readonly groupId: string;
  /** Default: of a group. */
  readonly coordinatorType?: CoordinatorType;
}

/** The part of kafkajs' `Cluster` that is used here. */
export interface ClusterInternals {
  readonly brokerPool: {
    readonly brokers: Readonly<Record<string, BrokerInternals>>;
    createBroker(options: object): BrokerInternals;
  };
  findGroupCoordinator(query: CoordinatorQuery): Promise<BrokerInternals>;
}

/** Numbers of Kafka's requests by kafkajs' names. */
export const API_KEYS = kafkajsInternal<Readonly<Record<string, number>>>('src/protocol/requests/apiKeys.js');

const MISSING = 'kafkajs does not have the internals that weir extends; reinstall the exact version with npm ci.';

/**
 * A `Kafka` whose new clients pass their cluster through `extend` before they use it; all else is as with `kafka`.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function withClusterExtension(kafka: Kafka, extend: (cluster: ClusterInternals) => void): Kafka {
  const createCluster = Object.getOwnPropertySymbols(findOwner(kafka)).find((s) => s.description === 'private:Kafka:createCluster');
  if (createCluster === undefined) throw new WeirError('state_invalid', MISSING);
  type CreateCluster = (options: object) => ClusterInternals;
  const stock = (kafka as unknown as Record<symbol, CreateCluster>)[createCluster]!;
  const extended = Object.create(kafka) as Kafka & Record<symbol, CreateCluster>;
  extended[createCluster] = (options) => {
    const cluster = stock(options);
    if (typeof cluster.findGroupCoordinator !== 'function' || typeof cluster.brokerPool.createBroker !== 'function') {
      throw new WeirError('state_invalid', MISSING);
    }
    extend(cluster);
    return cluster;
  };
  return extended;
}

/** The client that holds kafkajs' private members: extensions may stand before one another. */
function findOwner(kafka: Kafka): object {
  let object: object = kafka;
  while (Object.getOwnPropertySymbols(object).length === 0) {
    const next = Object.getPrototypeOf(object) as object | null;
    if (next === null) return object;
    object = next;
  }
  return object;
}

/** Calls `extend` with every broker that the cluster makes from now on, before it is used. */
export function onEachBroker(cluster: ClusterInternals, extend: (broker: BrokerInternals) => void): void {
  const { brokerPool } = cluster;
  const create = brokerPool.createBroker;
  brokerPool.createBroker = (options) => {
    const broker = create(options);
    if (COORDINATOR_METHODS.some((method) => typeof broker[method] !== 'function')) throw new WeirError('state_invalid', MISSING);
    extend(broker);
    return broker;
  };
}

/**
 * Sends a request as kafkajs' own methods do: authentication, throttling, time-outs and events stay kafkajs'.
 * @throws KafkaJSProtocolError for an error code, KafkaJSConnectionError, KafkaJSRequestTimeoutError
 */
export async function sendRequest<Data>(broker: BrokerInternals, request: BrokerRequest<Data>): Promise<Data> {
  try {
    return (await broker.connectionPool.send(request as BrokerRequest)) as Data;
  } catch (error) {
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
  }
}

/**
 * Makes sure that a broker speaks a version of a request.
 * @param name as kafkajs calls the request; @param since the first release of Kafka that has this version
 * @throws WeirError `config_invalid`
 */
export function requireVersion(broker: BrokerInternals, name: string, version: number, since: string): void {
  const newest = broker.versions?.[API_KEYS[name]!]?.maxVersion ?? -1;
  if (newest >= version) return;
  throw new WeirError(
    'config_invalid',
    `weir needs Kafka ${since} or newer: broker ${broker.nodeId} speaks ${name} up to version ${newest}, not ${version}. Upgrade the broker.`,
  );
}
