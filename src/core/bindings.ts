import type { Column, RowLayout } from './layout.ts';

/** A place in the rows that a field of the event fills. */
export type Target = Place & {
  /** Of the column that it is, its index; −1 for a value that is only compared, and for what is no column. */
  readonly column: number;
};

type Place =
  | { readonly kind: 'float'; readonly what: string; readonly lane: number; readonly slot: number }
  | { readonly kind: 'text'; readonly what: string; readonly lane: number }
  | { readonly kind: 'entity'; readonly what: string; readonly index: number }
  /** A list of `size` numbers, in consecutive slots. */
  | { readonly kind: 'list'; readonly what: string; readonly lane: number; readonly slot: number; readonly size: number }
  | { readonly kind: 'time'; readonly what: string };

/** Largest distance from the epoch, in milliseconds, that a JavaScript Date (and so any consumer of event times) can hold. */
export const MAX_TIME_MS = 8.64e15;

/** The bound paths of a layout as a tree of field names. */
export interface BindingNode {
  /** Names from the top of the event. */
  readonly path: readonly string[];
  /** What this field fills. */
  readonly targets: Target[];
  readonly children: Map<string, BindingNode>;
}

/** `event.a.b`, as the path is written in a model package. */
export function pathText(path: readonly string[]): string {
  return ['event', ...path].join('.');
}

/** The tree of the fields that a layout binds to: event columns, entities of groups, event time. */
export function bindingTree(layout: RowLayout): BindingNode {
  const root: BindingNode = { path: [], targets: [], children: new Map() };
  for (const column of layout.eventColumns) {
    if (column.binding.from !== 'event') continue;
    const what = column.index < 0 ? `the comparison of ${column.name}` : `column ${column.name}`;
    nodeAt(root, column.binding.path).targets.push(targetOf(column, what));
  }
  for (const group of layout.groups)
    nodeAt(root, group.entity).targets.push({ kind: 'entity', what: `the entity of group ${group.name}`, index: group.index, column: -1 });
  if (layout.eventTime) nodeAt(root, layout.eventTime).targets.push({ kind: 'time', what: 'the event time', column: -1 });
  return root;
}

function targetOf({ kind, lane, slot, size, index: column }: Column, what: string): Target {
  if (kind === 'string') return { kind: 'text', what, lane, column };
  return size === undefined ? { kind: 'float', what, lane, slot, column } : { kind: 'list', what, lane, slot, size, column };
}

/** True when nothing but a comparison is lost without the value: it must not fail the record. */
export function isOnlyCompared({ targets, children }: BindingNode): boolean {
  return targets.length + children.size > 0 && targets.every(isCompared) && [...children.values()].every(isOnlyCompared);
}

/** True for a value that is read for a comparison alone. */
export function isCompared({ kind, column }: Target): boolean {
  return column < 0 && (kind === 'float' || kind === 'text');
}

/** Indexes of the columns that a value fills, itself or by its fields. */
export function columnsBelow({ targets, children }: BindingNode): number[] {
  return [...targets.map(({ column }) => column).filter((column) => column >= 0), ...[...children.values()].flatMap(columnsBelow)];
}

function nodeAt(root: BindingNode, path: readonly string[]): BindingNode {
  let node = root;
  for (const name of path) {
    let child = node.children.get(name);
    if (!child) node.children.set(name, (child = { path: [...node.path, name], targets: [], children: new Map() }));
    node = child;
  }
  return node;
}

/** Number of targets below and at a node. */
export function countTargets(node: BindingNode): number {
  let count = node.targets.length;
  for (const child of node.children.values()) count += countTargets(child);
  return count;
}
