import type { Column, RowLayout } from './layout.ts';

/** A place in the rows that a field of the event fills. */
export type Target =
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
    const what = `column ${column.name}`;
    nodeAt(root, column.binding.path).targets.push(targetOf(column, what));
  }
  for (const group of layout.groups)
    nodeAt(root, group.entity).targets.push({ kind: 'entity', what: `the entity of group ${group.name}`, index: group.index });
  if (layout.eventTime) nodeAt(root, layout.eventTime).targets.push({ kind: 'time', what: 'the event time' });
  return root;
}

function targetOf({ kind, lane, slot, size }: Column, what: string): Target {
  if (kind === 'string') return { kind: 'text', what, lane };
  return size === undefined ? { kind: 'float', what, lane, slot } : { kind: 'list', what, lane, slot, size };
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
