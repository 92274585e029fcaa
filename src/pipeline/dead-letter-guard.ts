import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { Encoder } from '../core/ports.ts';
import { type Rows, STATUS_OK } from '../core/rows.ts';

/** When dead letters are too many. */
export interface DeadLetterGuardOptions {
  /** Largest share of dead letters among settled records, 0 to 1. */
  readonly maxShare: number;
  /** How long the share must have been above. */
  readonly forMs: number;
  /** How many records it must have been above for. */
  readonly minRecords: number;
}

/** Watches the share of dead letters; see `createDeadLetterGuard`. */
export interface DeadLetterGuard {
  /** Counts the rows of a micro-batch on its way out. @param nowMs monotonic */
  count(rows: Rows, nowMs: number): void;
  /** Set once and for all when dead letters have been too many for too long. */
  readonly failure: WeirError | undefined;
}

/** Stretches that `forMs` and `minRecords` are cut into. */
const STRETCHES = 12;

/**
 * A guard against draining a topic into the dead letters, such as after a schema roll-out gone wrong.
 *
 * Time is cut into stretches of at least `forMs`/12 that hold at least `minRecords`/12 records, so that each says something:
 * on a topic with little traffic they become longer. A stretch at or below `maxShare` begins everything anew. When all
 * stretches were above for `forMs` and `minRecords` records, the guard trips.
 *
 * A worker that has not scored a single record since it started, and has `minRecords` dead letters, trips at once: it is
 * likely that it was restarted after a trip, and each restart would else drain as much as the first.
 *
 * The share is that of the worker, not of a partition: one poisoned partition among several does not stop the others.
 */
export function createDeadLetterGuard({ maxShare, forMs, minRecords }: DeadLetterGuardOptions): DeadLetterGuard {
  let failure: WeirError | undefined;
  let hasScored = false;
  /** The stretch under way; its start is −1 when it has no record yet. */
  let stretch = { startMs: -1, records: 0, dead: 0 };
  /** The stretches above the share before it. */
  let above = { startMs: -1, records: 0, dead: 0 };

  function begin(): void {
    stretch = { startMs: -1, records: 0, dead: 0 };
  }

  function trip(rows: Rows, dead: number, records: number, overMs: number): void {
    const share = ((100 * dead) / records).toFixed(1);
    const time = overMs < 1_000 ? '' : ` within ${Math.round(overMs / 1_000)} s`;
    const begun = hasScored ? '' : ', and not one was scored since the worker started';
    failure ??= new WeirError(
      'dead_letter_share_exceeded',
      `${dead} of ${records} records (${share} %)${time} became dead letters${begun}. output.deadLetters.guard allows ${maxShare * 100} %.${example(rows)}`,
    );
  }

  function closeStretch(rows: Rows, nowMs: number): void {
    if (stretch.dead <= maxShare * stretch.records) {
      above = { startMs: -1, records: 0, dead: 0 };
      return begin();
    }
    if (above.startMs < 0) above.startMs = stretch.startMs;
    above.records += stretch.records;
    above.dead += stretch.dead;
    begin();
    if (nowMs - above.startMs >= forMs && above.records >= minRecords) trip(rows, above.dead, above.records, nowMs - above.startMs);
  }

  return {
    get failure() {
      return failure;
    },
    count(rows, nowMs) {
      const { records, dead } = outcome(rows);
      if (records === 0) return;
      if (stretch.startMs < 0) stretch.startMs = nowMs;
      stretch.records += records;
      stretch.dead += dead;
      if (dead < records) hasScored = true;
      else if (!hasScored && maxShare < 1 && above.dead + stretch.dead >= minRecords) {
        const startMs = above.startMs < 0 ? stretch.startMs : above.startMs;
        return trip(rows, above.dead + stretch.dead, above.records + stretch.records, nowMs - startMs);
      }
      if (nowMs - stretch.startMs >= forMs / STRETCHES && stretch.records >= minRecords / STRETCHES) closeStretch(rows, nowMs);
    },
  };
}

/** An encoder that counts what it encodes, and ends the pipeline instead of encoding once the guard has tripped. */
export function guarded(encoder: Encoder, guard: DeadLetterGuard, clock: Pick<Clock, 'monotonicMs'>): Encoder {
  return {
    encode(rows, scores, scoredAtMs, predictions, deadLetters) {
      guard.count(rows, clock.monotonicMs());
      if (guard.failure) throw guard.failure;
      encoder.encode(rows, scores, scoredAtMs, predictions, deadLetters);
    },
  };
}

/** One of the dead rows: with exactly-once delivery the dead letters of the transaction that is given up are not to be seen. */
function example(rows: Rows): string {
  for (const { records, from, to, fromRow } of rows.slices) {
    for (let row = fromRow; row < fromRow + to - from; row++) {
      const code = rows.codeOf(row);
      if (code === undefined) continue;
      const { topic, partition, offsets } = records;
      return ` Such as ${topic}-${partition} at offset ${offsets[from + row - fromRow]}, ${code}: ${rows.messageOf(row)}`;
    }
  }
  return '';
}

/** Scored and dead rows; what was skipped or withdrawn is neither. A batch without failures costs nothing per row. */
function outcome(rows: Rows): { records: number; dead: number } {
  if (rows.failed === 0) return { records: rows.count, dead: 0 };
  let records = 0;
  let dead = 0;
  for (let row = 0; row < rows.count; row++) {
    if (rows.status[row] === STATUS_OK) records++;
    else if (rows.codeOf(row) !== undefined) {
      records++;
      dead++;
    }
  }
  return { records, dead };
}
