import type { WeirError } from '../core/errors.ts';
import type { FetchedPartition } from './protocol/columnar-fetch.ts';

/** What a session tells its owner. None of these may throw. */
export interface GroupSessionListener {
  /** True while more may be fetched. */
  hasRoom(): boolean;
  /** Takes what a fetch brought of a partition of ours; returns how many records of it there are to see. @throws WeirError */
  onFetched(fetched: FetchedPartition, epoch: number): number;
  /** What was fetched may be taken. */
  onQueued(): void;
  /** These partitions are gone. */
  onRevoked(partitions: readonly number[]): void;
  /** A rebalance begins: settle what is in flight and commit. @throws WeirError when that was not possible */
  onRebalance(): Promise<void>;
  /** Positions are known: after a join, or after a rewind. */
  onResumed(): void;
  onFailed(error: WeirError): void;
}
