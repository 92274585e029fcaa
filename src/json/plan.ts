import { type BindingNode, bindingTree, columnsBelow, isOnlyCompared, pathText } from '../core/bindings.ts';
import { WeirError } from '../core/errors.ts';
import type { RowLayout } from '../core/layout.ts';
import { KeyTable, type Member } from './keys.ts';
import { DOUBLE, SINGLE } from './scanner.ts';

/**
 * Why bindings cannot be filled from one JSON value, a sentence each: a member is an object, or a list, or one value.
 * Empty when all is well. This is all that can be said of a layout without a schema.
 */
export function jsonBindingProblems(layout: RowLayout): string[] {
  const problems: string[] = [];
  inspect(bindingTree(layout), problems);
  return problems;
}

function inspect({ path, targets, children }: BindingNode, problems: string[]): void {
  const [first] = targets;
  const list = targets.find(({ kind }) => kind === 'list');
  if (first && children.size > 0) {
    const [name] = children.keys();
    problems.push(`${pathText(path)} cannot be both a value for ${first.what} and an object with ${name}.`);
  } else if (list && targets.length > 1) {
    const other = targets.find((target) => target !== list)!;
    problems.push(`${pathText(path)} is a list for ${list.what} and can fill nothing else, but ${other.what} is bound to it too.`);
  }
  for (const child of children.values()) inspect(child, problems);
}

/**
 * Prepares the bound members of a layout.
 * @returns the event itself: a member with keys
 * @throws WeirError `config_invalid` when bindings contradict each other (`jsonBindingProblems`)
 */
export function compileMembers(layout: RowLayout): Member & { readonly keys: KeyTable } {
  const problems = jsonBindingProblems(layout);
  if (problems.length > 0) throw new WeirError('config_invalid', problems.join(' '));
  const root = memberOf(bindingTree(layout));
  // A layout may need nothing of the event; it is an object all the same.
  return { ...root, keys: root.keys ?? new KeyTable(new Map()) };
}

function memberOf(node: BindingNode): Member {
  const { path, targets, children } = node;
  const members = new Map([...children].map(([name, child]) => [name, memberOf(child)]));
  return {
    path: pathText(path),
    keys: members.size > 0 ? new KeyTable(members) : undefined,
    children: [...members.values()],
    list: targets.find((target) => target.kind === 'list'),
    targets,
    floats: Int32Array.from(targets.flatMap((target) => (target.kind === 'float' ? [target.lane, target.slot] : []))),
    texts: Int32Array.from(targets.flatMap((target) => (target.kind === 'text' ? [target.lane] : []))),
    entities: Int32Array.from(targets.flatMap((target) => (target.kind === 'entity' ? [target.index] : []))),
    isOnlyCompared: path.length > 0 && isOnlyCompared(node),
    columns: columnsBelow(node),
    isTime: targets.some(({ kind }) => kind === 'time'),
    precision: targets.some(({ kind }) => kind === 'time') ? DOUBLE : SINGLE,
    written: 0,
    seenIn: -1,
  };
}
