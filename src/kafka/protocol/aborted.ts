/** An entry of the aborted list of a fetch response: KIP-98, `aborted_transactions`. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  /** Offset of the first record of the transaction in this partition. */
  readonly firstOffset: number;
}

/**
 * Which producers are inside an aborted transaction while one walks over the record batches of a partition in order.
 *
 * The broker sends the list in the order in which the transactions ended. kafkajs 2.2.4 takes it as the order in which
 * they began, admits one entry per record and ends a transaction on any record whose key is 00 00 00 00; each of these
 * lets aborted records through. Here the list is sorted by first offset, a batch admits every entry that begins at or
 * before its last offset (as Kafka's `CompletedFetch` does), and only a control batch of type abort ends one.
 */
export class AbortedTransactions {
  private readonly entries: readonly AbortedTransaction[];
  private readonly open = new Set<bigint>();
  private admitted = 0;

  /** @param entries in any order; empty when uncommitted records are asked for */
  constructor(entries: readonly AbortedTransaction[]) {
    this.entries = entries.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  /** False: nothing can ever be aborted, so batches need not be asked for their producer. */
  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Opens the transactions that begin at `lastOffset` or before. Call for each batch, in order, before the others. */
  admit(lastOffset: number): void {
    for (let entry = this.entries[this.admitted]; entry && entry.firstOffset <= lastOffset; entry = this.entries[this.admitted]) {
      this.open.add(entry.producerId);
      this.admitted++;
    }
  }

  /** A control batch of type abort of this producer has come. */
  end(producerId: bigint): void {
    this.open.delete(producerId);
  }

  /** True when the transactional records of this producer are to be left out. */
  has(producerId: bigint): boolean {
    return this.open.has(producerId);
  }
}
