import { inputKey, type PaneDelta, type ProfileDelta } from './profile-delta.ts';

type InputPartition = Parameters<typeof inputKey>[0];

/** What one delta brought, once all its parts are here. */
export interface LedgerEntry {
  readonly segmentId: string;
  /** As of the segment: see `ProfileDelta`. */
  readonly isElsewhere: boolean;
  readonly inputTopic: string;
  readonly inputPartition: number;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly panes: readonly PaneDelta[];
  readonly deadLetters: number;
  readonly skipped: number;
  readonly untimed: number;
  /** Latest event time that its segment had counted by then; −1: none. */
  readonly maxEventTime: number;
  readonly atEnd: boolean;
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

/** A ledger as plain values. */
export interface LedgerState {
  readonly counts: LedgerCounts;
  /** By the name of the input partition. */
  readonly partitions: readonly (readonly [string, PartitionLedger])[];
}

const NOTHING: LedgerStep = { added: undefined, settled: [], retracted: [] };

/** A worker's clock may be so much ahead of another's. */
const CLOCK_SKEW_MS = 5_000;

/** One input partition. */
export interface PartitionLedger {
  segmentId: string;
  generation: number;
  openedAt: number;
  /** When the owner was last heard of, by its clock. */
  heardAt: number;
  /** Where the next delta of the segment begins. */
  next: number;
  /** Up to here entries are settled. */
  settledTo: number;
  hasSettled: boolean;
  /** Latest event time of what is settled; −1: none. */
  settledTime: number;
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
    const opened = ledger.segmentId === delta.segmentId ? { settled: [], retracted: [] } : this.open(ledger, delta);
    if (!opened) {
      if (delta.part === 0) this.counts.duplicatesDropped++;
      return NOTHING;
    }
    ledger.heardAt = Math.max(ledger.heardAt, delta.emittedAt);
    const entry = this.assemble(ledger, delta);
    const added = entry && this.add(ledger, entry);
    return { added, settled: [...opened.settled, ...settle(ledger, delta.committedOffset)], retracted: opened.retracted };
  }

  /** Entries that count and are not settled. */
  *pending(): Generator<LedgerEntry> {
    for (const { pending } of this.partitions.values()) yield* pending;
  }

  /** Position up to which a partition is counted. */
  reachedOf(input: InputPartition): number {
    return this.partitions.get(inputKey(input))?.next ?? 0;
  }

  /** Latest event time of a partition in what counts; −1: none. */
  maxEventTimeOf(input: InputPartition): number {
    const ledger = this.partitions.get(inputKey(input));
    return Math.max(ledger?.settledTime ?? -1, ...(ledger?.pending.map(({ maxEventTime }) => maxEventTime) ?? []));
  }

  /** All that it knows, as plain values. */
  save(): LedgerState {
    return { counts: { ...this.counts }, partitions: [...this.partitions] };
  }

  /** Goes on from what `save` gave. */
  restore({ counts, partitions }: LedgerState): void {
    Object.assign(this.counts, counts);
    this.partitions.clear();
    for (const [key, partition] of partitions) this.partitions.set(key, structuredClone(partition));
  }

  private ledgerOf(delta: ProfileDelta): PartitionLedger {
    const { segmentId, generation, openedAt, emittedAt } = delta;
    const key = inputKey(delta);
    const known = this.partitions.get(key);
    if (known) return known;
    // What was before is not in the topic any more; it is no gap. Nor is the rest of a delta whose first part is not.
    const begin = delta.part > 0 ? delta.toOffset : delta.fromOffset;
    const made = {
      ...{ segmentId, generation, openedAt, heardAt: emittedAt },
      ...{ next: begin, settledTo: begin, hasSettled: false, settledTime: -1, pending: [], parts: [] },
    };
    this.partitions.set(key, made);
    return made;
  }

  /** Begins a segment. @returns what counts for good or no more by that; undefined when the delta is of an earlier owner */
  private open(ledger: PartitionLedger, delta: ProfileDelta): Omit<LedgerStep, 'added'> | undefined {
    const { segmentId, generation, openedAt, startOffset, isElsewhere } = delta;
    if (isEarlier(delta, ledger)) return undefined;
    Object.assign(ledger, { segmentId, generation, openedAt, parts: [] });
    // Counted again by the new owner. Where the log itself has changed, only what was read of the new one.
    const isRetracted = (entry: LedgerEntry): boolean =>
      entry.toOffset > startOffset && entry.segmentId !== segmentId && (entry.isElsewhere || !isElsewhere);
    const retracted = ledger.pending.filter(isRetracted);
    ledger.pending = ledger.pending.filter((entry) => !isRetracted(entry));
    this.counts.retracted += retracted.length;
    this.counts.deltas -= retracted.length;
    if (retracted.length > 0) ledger.next = ledger.pending.at(-1)?.toOffset ?? ledger.settledTo;
    const settled = isElsewhere ? settle(ledger, Number.POSITIVE_INFINITY) : [];
    // Of an earlier log, or of what the topic has no more.
    if (isElsewhere || (!ledger.hasSettled && ledger.pending.length === 0)) {
      if (startOffset < ledger.next) ledger.next = ledger.settledTo = startOffset;
    }
    if (startOffset > ledger.next) this.gap(ledger, startOffset);
    return { settled, retracted };
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
    const { segmentId, isElsewhere, inputTopic, inputPartition, fromOffset, toOffset } = first;
    const { deadLetters, skipped, untimed, maxEventTime, atEnd } = first;
    const panes = parts.flatMap((part) => part.panes);
    parts.length = 0;
    return {
      ...{ segmentId, isElsewhere, inputTopic, inputPartition, fromOffset, toOffset, panes },
      ...{ deadLetters, skipped, untimed, maxEventTime, atEnd },
    };
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
 * True for a delta of an owner before the present one. Generations of a group only grow, and within one a partition has one owner, which
 * may begin again. Only when the group itself was deleted do they begin again too: then the new owner began after the last one
 * was heard of.
 */
function isEarlier(delta: ProfileDelta, ledger: PartitionLedger): boolean {
  if (delta.generation > ledger.generation) return false;
  return delta.generation === ledger.generation ? delta.openedAt < ledger.openedAt : delta.openedAt <= ledger.heardAt + CLOCK_SKEW_MS;
}

function settle(ledger: PartitionLedger, committedOffset: number): LedgerEntry[] {
  let count = 0;
  while (count < ledger.pending.length && ledger.pending[count]!.toOffset <= committedOffset) count++;
  const settled = ledger.pending.splice(0, count);
  for (const { toOffset, maxEventTime } of settled) {
    ledger.hasSettled = true;
    ledger.settledTo = toOffset;
    ledger.settledTime = Math.max(ledger.settledTime, maxEventTime);
  }
  return settled;
}
