import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml';
import type { z } from 'zod';
import { closest } from './closest.ts';
import { knownKeys } from './known-keys.ts';

/** Something to say about a file the user wrote. Lines and columns begin with 1. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** One sentence: what is wrong, with the names in it. */
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** A place in a YAML text; both begin with 1. */
export interface Location {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as plain data that still knows where each value stands. */
export interface YamlDocument {
  /** The name that findings carry. */
  readonly file: string;
  /** Plain objects, arrays and scalars; undefined when the text has syntax errors. */
  readonly data: unknown;
  /** Syntax errors and warnings. When one is an error, `data` is undefined and nothing more can be said of the text. */
  readonly findings: readonly Finding[];
  /** True when the text says something at this path (null counts). */
  has(path: readonly PropertyKey[]): boolean;
  /**
   * Where the value of a path stands, or its key with `at: 'key'`. Maps and lists stand where their key does.
   * A path that is not in the text gets the place of its nearest ancestor.
   */
  locate(path: readonly PropertyKey[], at?: 'key' | 'value'): Location;
  /** A finding at a path. */
  finding(path: readonly PropertyKey[], message: string, severity?: Finding['severity']): Finding;
}

/**
 * Reads a YAML text (1.2, one document; keys may not repeat). Never throws: syntax errors become findings.
 * @param file name to show in findings
 */
export function loadYaml(text: string, file: string): YamlDocument {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): Location => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const findings: Finding[] = [...doc.errors, ...doc.warnings].map((problem) => ({
    severity: problem.name === 'YAMLParseError' ? 'error' : 'warning',
    message: problem.message.trim(),
    file,
    ...at(problem.pos[0]),
  }));
  let data: unknown;
  if (doc.errors.length === 0) {
    try {
      data = doc.toJS();
    } catch (thrown) {
      // Unresolved or exploding aliases show only now.
      findings.push({ severity: 'error', message: (thrown as Error).message, file, line: 1, column: 1 });
    }
  }
  const locate = (path: readonly PropertyKey[], what: 'key' | 'value' = 'value'): Location => at(offsetOf(doc, path, what));
  return {
    file,
    data,
    findings,
    has: (path) => doc.hasIn(path),
    locate,
    finding: (path, message, severity = 'error') => ({ severity, message, file, ...locate(path) }),
  };
}

/**
 * What zod says about a document, one finding a problem, each at its place. Keys that the schema does not know and
 * values that are not among those allowed come with the nearest name (`did you mean`).
 * @param schema the schema the data was parsed with; it gives the names to compare with
 */
export function findingsFromZod(error: z.ZodError, doc: YamlDocument, schema: z.ZodType): Finding[] {
  return error.issues.flatMap((issue) => findingsOfIssue(issue, [], doc, schema));
}

/** One line a finding: `file:line:column: message`; warnings say so. */
export function formatFindings(findings: readonly Finding[]): string {
  return findings.map(formatFinding).join('\n');
}

function formatFinding({ severity, message, file, line, column }: Finding): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return `${place === '' ? '' : `${place}: `}${severity === 'warning' ? 'warning: ' : ''}${message}`;
}

/** A path as people write it: `inputs.features.columns[3].min`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text;
}

type Issue = z.core.$ZodIssue;

function findingsOfIssue(issue: Issue, above: readonly PropertyKey[], doc: YamlDocument, schema: z.ZodType): Finding[] {
  const path = [...above, ...issue.path];
  const name = formatPath(path);
  const prefix = name === '' ? '' : `${name}: `;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path);
    return issue.keys.map((key) => {
      const near = closest(key, known);
      const hint = near ? `did you mean ${near}?` : known.length > 0 ? `known keys: ${known.join(', ')}` : 'remove it';
      return { ...doc.finding([...path, key], `${prefix}unknown key ${key}; ${hint}`), ...doc.locate([...path, key], 'key') };
    });
  }
  if (issue.code === 'invalid_union') {
    const best = bestBranch(issue.errors);
    if (best) return best.flatMap((inner) => findingsOfIssue(inner, path, doc, schema));
  }
  if (issue.code === 'invalid_value') {
    const given = valueAt(doc.data, path);
    const allowed = issue.values.map(String);
    const near = typeof given === 'string' ? closest(given, allowed) : undefined;
    const hint = near ? `; did you mean ${near}?` : '';
    if (doc.has(path)) return [doc.finding(path, `${prefix}must be ${allowed.join(' or ')}${hint}`)];
  }
  if (!doc.has(path) && path.length > 0) {
    const expected =
      'expected' in issue ? ` (a ${issue.expected})` : 'values' in issue ? ` (${issue.values.map(String).join(' or ')})` : '';
    return [doc.finding(path, issue.code === 'custom' ? prefix + issue.message : `${name} is missing${expected}`)];
  }
  return [doc.finding(path, prefix + issue.message.replace(/^Invalid input: /, ''))];
}

/** The branch of a union that the user most likely meant: the one whose problems lie deepest, then the one with fewest. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const depth = (issues: readonly Issue[]): number =>
    Math.max(...issues.map((i) => i.path.length + (i.code === 'unrecognized_keys' ? 1 : 0)));
  const ranked = branches.filter((b) => b.length > 0).sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  const [first, second] = ranked;
  // All fail at the top: zod's own summary of the union says it best.
  return first && (depth(first) > 0 || !second) ? first : undefined;
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Start of the value (or key) of a path, or of its nearest ancestor, as an offset in the text. */
function offsetOf(doc: Document, path: readonly PropertyKey[], what: 'key' | 'value'): number {
  let node: unknown = doc.contents;
  let found = startOf(node) ?? 0;
  for (const [depth, key] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item) === String(key));
      if (!pair) return found;
      const value = isLast && what === 'value' && isScalar(pair.value) ? startOf(pair.value) : undefined;
      found = value ?? startOf(pair.key) ?? found;
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      const item = node.items[key];
      found = startOf(item) ?? found;
      node = item;
    } else {
      return found;
    }
  }
  return found;
}

function keyText(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key);
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
