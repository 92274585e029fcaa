import type { Rows } from '../core/rows.ts';
import type { Member } from './keys.ts';

/** Takes the values of a member out of the columns of a row again. The event time is not in them yet. */
export function clearTargets({ targets, written }: Member, rows: Rows, row: number): void {
  for (const target of targets) {
    if (target.kind === 'text') rows.texts[target.lane]!.setNull(row);
    else if (target.kind === 'entity') rows.entities[target.index]!.setNull(row);
    else if (target.kind !== 'time') {
      const at = row * rows.layout.floatWidths[target.lane]! + target.slot;
      rows.floats[target.lane]!.fill(Number.NaN, at, at + (target.kind === 'list' ? written : 1));
    }
  }
}
