import type { PaneDelta, ProfileDelta } from './profile-delta.ts';

/** What one delta brought, once all its parts are here. */
export interface LedgerEntry {
  readonly inputTopic: string;
  readonly inputPartition: number;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly panes: readonly PaneDelta[];
  readonly deadLetters: number;
  readonly skipped: number;
  readonly untimed: number;
}

/** What follows from a delta. Entries are told as added, and later as either settled or retracted. */
export interface LedgerStep {
  /** Counts from now on, perhaps not for good. */
  readonly added: LedgerEntry | undefined;
  /** Count for good: no owner will begin before their end. */
  readonly settled: readonly LedgerEntry[];
  /** Never count: their worker ended before it had committed them, and the next owner counts those records again. */
  readonly retracted: readonly LedgerEntry[];
}

/** What the ledger has seen. */
export interface LedgerCounts {
  /** Deltas that count. */
  deltas: number;
  /** Deltas that do not, for their records are counted already: written twice, or by a worker that was no owner any more. */
  duplicatesDropped: number;
  /** Deltas that counted until the next owner began before them. */
  retracted: number;
  /** Stretches of offsets that no delta covers. */
  gaps: number;
  /** Offsets in them; not all need to have been records. */
  gapOffsets: number;
}

const NOTHING: LedgerStep = { added: undefined, settled: [], retracted: [] };

/** One input partition. */
interface PartitionLedger {
  segmentId: string;
  generation: number;
  openedAt: number;
  /** Where the next delta of the segment begins. */
  next: number;
  /** Up to here entries are settled. */
  settledTo: number;
  /** Entries that count and are not settled, in order. */
  pending: LedgerEntry[];
  /** A delta of which not all parts are here. */
  parts: ProfileDelta[];
}

/**
 * Decides which deltas count, so that each scored record counts once, whoever crashed when. Workers write a delta before they commit its
 * end, and commit nowhere inside one; so whoever takes a partition over begins where some delta ends, and says so with its
 * first delta. What was counted from there on by the last owner, and by one that does not know that it was replaced, does not count.
 *
 * Deltas of a partition must come in the order of their topic. Any other order counts less, never twice.
 */
export class DeltaLedger {
  readonly counts: LedgerCounts = { deltas: 0, duplicatesDropped: 0, retracted: 0, gaps: 0, gapOffsets: 0 };
  private readonly partitions = new Map<string, PartitionLedger>();

  /** Takes one record. */
  accept(delta: ProfileDelta): LedgerStep {
    const ledger = this.ledgerOf(delta);
    const retracted = ledger.segmentId === delta.segmentId ? [] : this.open(ledger, delta);
    if (!retracted) {
      if (delta.part === 0) this.counts.duplicatesDropped++;
      return NOTHING;
    }
    const entry = this.assemble(ledger, delta);
    const added = entry && this.add(ledger, entry);
    return { added, settled: settle(ledger, delta.committedOffset), retracted };
  }

  /** Entries that count and are not settled. */
  *pending(): Generator<LedgerEntry> {
    for (const { pending } of this.partitions.values()) yield* pending;
  }

  private ledgerOf({ inputTopic, inputPartition, segmentId, generation, openedAt, fromOffset }: ProfileDelta): PartitionLedger {
    const key = `${inputTopic}/${inputPartition}`;
    const known = this.partitions.get(key);
    if (known) return known;
    // What was before is not in the topic any more; it is no gap.
    const made = { segmentId, generation, openedAt, next: fromOffset, settledTo: fromOffset, pending: [], parts: [] };
    this.partitions.set(key, made);
    return made;
  }

  /** Begins the segment of a new owner. @returns what does not count any more; undefined when the delta is of an earlier owner */
  private open(ledger: PartitionLedger, { segmentId, generation, openedAt, startOffset }: ProfileDelta): LedgerEntry[] | undefined {
    if (isEarlier({ generation, openedAt }, ledger)) return undefined;
    Object.assign(ledger, { segmentId, generation, openedAt, parts: [] });
    const retracted = ledger.pending.filter(({ fromOffset }) => fromOffset >= startOffset);
    ledger.pending = ledger.pending.filter(({ fromOffset }) => fromOffset < startOffset);
    this.counts.retracted += retracted.length;
    this.counts.deltas -= retracted.length;
    const reached = ledger.pending.at(-1)?.toOffset ?? ledger.settledTo;
    if (retracted.length > 0) ledger.next = reached;
    if (startOffset > ledger.next) this.gap(ledger, startOffset);
    return retracted;
  }

  /** The whole delta, once its last part is here; undefined before, and for parts of one that was left out. */
  private assemble(ledger: PartitionLedger, delta: ProfileDelta): LedgerEntry | undefined {
    const { parts } = ledger;
    if (delta.part === 0) {
      parts.length = 0;
      if (delta.toOffset <= ledger.next) {
        this.counts.duplicatesDropped++;
        return undefined;
      }
    }
    const first = parts[0] ?? delta;
    if (delta.part !== parts.length || delta.fromOffset !== first.fromOffset || delta.toOffset !== first.toOffset) return undefined;
    parts.push(delta);
    if (parts.length < delta.parts) return undefined;
    const { inputTopic, inputPartition, fromOffset, toOffset, deadLetters, skipped, untimed } = first;
    const panes = parts.flatMap((part) => part.panes);
    parts.length = 0;
    return { inputTopic, inputPartition, fromOffset, toOffset, panes, deadLetters, skipped, untimed };
  }

  private add(ledger: PartitionLedger, entry: LedgerEntry): LedgerEntry | undefined {
    if (entry.fromOffset > ledger.next) this.gap(ledger, entry.fromOffset);
    if (entry.fromOffset < ledger.next) {
      // The group was moved back by hand to inside what is settled: part of it is counted already, and it cannot be divided.
      this.counts.duplicatesDropped++;
      this.gap(ledger, entry.toOffset);
      return undefined;
    }
    ledger.next = entry.toOffset;
    ledger.pending.push(entry);
    this.counts.deltas++;
    return entry;
  }

  private gap(ledger: PartitionLedger, to: number): void {
    this.counts.gaps++;
    this.counts.gapOffsets += to - ledger.next;
    ledger.next = to;
  }
}

/**
 * Generations of a group only grow, and within one a partition has one owner, which may begin again. Only when the group itself was deleted
 * do they begin again too: then the clocks decide.
 */
function isEarlier(a: { generation: number; openedAt: number }, b: { generation: number; openedAt: number }): boolean {
  if (a.generation > b.generation) return false;
  return a.generation === b.generation ? a.openedAt < b.openedAt : a.openedAt <= b.openedAt;
}

function settle(ledger: PartitionLedger, committedOffset: number): LedgerEntry[] {
  let count = 0;
  while (count < ledger.pending.length && ledger.pending[count]!.toOffset <= committedOffset) count++;
  const settled = ledger.pending.splice(0, count);
  ledger.settledTo = settled.at(-1)?.toOffset ?? ledger.settledTo;
  return settled;
}
