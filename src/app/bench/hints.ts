import type { RowLayout } from '../../core/layout.ts';
import { type Random, Zipf } from '../../core/random.ts';

/** Skew of entities: as YCSB draws keys. */
const ZIPF_EXPONENT = 0.99;

/** What the pipeline expects of one field of the event. */
export interface FieldHint {
  /** Smallest and largest value that the columns bound to the field allow; absent: no bound. */
  min?: number;
  max?: number;
  /** The field is read as a number. */
  isNumber: boolean;
  /** The field is the event time. */
  isTime: boolean;
  /** The field must have a value. */
  isNeeded: boolean;
  /** Draws a text for the field: an entity of the online store. */
  drawText?: () => string;
}

/** Fields of a record that the pipeline reads, as a tree. */
export interface HintNode {
  readonly children: Map<string, HintNode>;
  hint?: FieldHint;
}

/**
 * What the pipeline expects of the fields of its events, so that made-up ones are scored and find their features.
 * @param entities entities that the store of each group holds; a group that is absent or empty gets random ones
 */
export function createHints(layout: RowLayout, entities: ReadonlyMap<string, readonly string[]>, random: Random): HintNode {
  const root: HintNode = { children: new Map() };
  for (const column of layout.eventColumns) {
    if (column.binding.from !== 'event') continue;
    const hint = hintAt(root, column.binding.path);
    if (column.required) hint.isNeeded = true;
    if (column.kind !== 'float') continue;
    hint.isNumber = true;
    // Several columns may be bound to one field: it must suit them all.
    if (column.min !== undefined) hint.min = Math.max(hint.min ?? column.min, column.min);
    if (column.max !== undefined) hint.max = Math.min(hint.max ?? column.max, column.max);
  }
  for (const group of layout.groups) {
    const hint = hintAt(root, group.entity);
    hint.isNeeded = true;
    const found = entities.get(group.name) ?? [];
    if (found.length === 0) continue;
    // Of two groups with one entity field the first one counts: their entities are mostly the same.
    const pool = random.shuffle([...found].sort());
    const zipf = new Zipf(pool.length, ZIPF_EXPONENT, random);
    hint.drawText ??= () => pool[zipf.next()]!;
  }
  if (layout.eventTime) {
    const hint = hintAt(root, layout.eventTime);
    hint.isTime = true;
    hint.isNeeded = true;
  }
  return root;
}

/** True when the field, or one below it, must have a value. */
export function isNeeded(node: HintNode | undefined): boolean {
  if (!node) return false;
  return node.hint?.isNeeded === true || [...node.children.values()].some(isNeeded);
}

function hintAt(root: HintNode, path: readonly string[]): FieldHint {
  let node = root;
  for (const name of path) {
    let child = node.children.get(name);
    if (!child) node.children.set(name, (child = { children: new Map() }));
    node = child;
  }
  return (node.hint ??= { isNumber: false, isTime: false, isNeeded: false });
}
