import type { OutputRecords } from '../../core/outputs.ts';
import type { StateValues } from '../../drift/merger-state.ts';
import type { JoinPosition } from '../../labels/join-seat.ts';

/** Grows when the meaning of a field changes; a position of another format is not read. */
const FORMAT = 'weir-labels/1';

/** Whose sums positions go with: those of another reference or layout count other cells. */
export interface PositionOwner {
  readonly model: string;
  readonly modelVersion: string;
  readonly referenceId: string;
  /** See `layoutName`. */
  readonly layout: string;
}

/** A value of the state topic. */
interface SavedPosition extends JoinPosition {
  readonly format: typeof FORMAT;
  readonly referenceId: string;
  readonly layout: string;
}

/** Keys of the state topic that begin so are of labels; no name of a model begins with a sign. */
function prefixOf({ model, modelVersion }: PositionOwner): string {
  return `@labels|${model}|${modelVersion}|`;
}

/** Adds the record of the state topic that says how far a partition is counted. */
export function putPosition(
  into: OutputRecords,
  owner: PositionOwner,
  partition: number,
  position: JoinPosition,
  timestampMs: number,
): void {
  const { referenceId, layout } = owner;
  const saved: SavedPosition = { format: FORMAT, referenceId, layout, ...position };
  const value = JSON.stringify(saved);
  into.push({ timestampMs, key: Buffer.from(`${prefixOf(owner)}${partition}`), value: Buffer.from(value) });
}

/** How far each partition of the predictions is counted, from the values of the state topic. */
export function positionsIn(values: StateValues, owner: PositionOwner): Map<number, JoinPosition> {
  const prefix = prefixOf(owner);
  const positions = new Map<number, JoinPosition>();
  for (const [key, text] of values) {
    if (!key.startsWith(prefix) || text === null) continue;
    const saved = parse(text);
    if (saved?.format !== FORMAT || saved.referenceId !== owner.referenceId || saved.layout !== owner.layout) continue;
    const { predictions, labels, predictionsFrom, labelsFrom } = saved;
    positions.set(Number(key.slice(prefix.length)), { predictions, labels, predictionsFrom, labelsFrom });
  }
  return positions;
}

/** Only weir writes the state topic: what is of our format has its fields. */
function parse(text: string): SavedPosition | undefined {
  try {
    return JSON.parse(text) as SavedPosition;
  } catch {
    return undefined; // Not ours.
  }
}
