import type { Finding, YamlDocument } from '../yaml/document.ts';
import type { ManifestData } from './manifest.ts';

type ColumnData = ManifestData['inputs'][string]['columns'][number];

/** What the keys of a manifest say against each other: what a schema of single keys cannot see. */
export function manifestFindings(data: ManifestData, document: YamlDocument): Finding[] {
  const findings: Finding[] = [];
  const say = (path: readonly PropertyKey[], message: string, severity: Finding['severity'] = 'error'): void => {
    findings.push(document.finding(path, message, severity));
  };

  const seen = new Set<string>();
  for (const [input, { type, columns }] of Object.entries(data.inputs)) {
    for (const [i, column] of columns.entries()) {
      const path = ['inputs', input, 'columns', i];
      if (seen.has(column.name)) say([...path, 'name'], `column ${column.name} is there twice; names are unique in a model`);
      seen.add(column.name);
      for (const key of ['from', 'compareWith'] as const) checkPlace(column, key, path, say);
      if (column.compareWith !== undefined) checkComparison(column, path, say);
      if (column.size !== undefined && !column.from.startsWith('event.'))
        say([...path, 'size'], `column ${column.name}: stores hold single values; a column with a size is bound to event.<path>`);
      if (type === 'string') checkText(column, path, say);
      else checkNumber(column, path, say);
      if (column.required && column.default !== undefined) {
        say([...path, 'required'], `column ${column.name}: required has no effect, since the default stands in for no value`, 'warning');
      }
    }
  }

  const names = new Set(['score', 'label']);
  for (const [i, { name }] of data.outputs.extras.entries()) {
    if (names.has(name))
      say(['outputs', 'extras', i, 'name'], `output name ${name} is taken; names of extras are unique and not score or label`);
    names.add(name);
  }
  return findings;
}

type Say = (path: readonly PropertyKey[], message: string, severity?: Finding['severity']) => void;

function checkPlace(column: ColumnData, key: 'from' | 'compareWith', path: readonly PropertyKey[], say: Say): void {
  const place = column[key];
  if (place === undefined) return;
  if (!place.startsWith('event.') && place.split('.').length > 2)
    say([...path, key], `column ${column.name}: ${place} has more than one dot; write <group>.<feature>, or event.<path>`);
  if (/[[\]]/.test(place)) {
    const message = `column ${column.name}: ${place} is a field of that very name, brackets included; a list is bound as a whole, with size`;
    say([...path, key], message, 'warning');
  }
}

function checkComparison({ name, from, compareWith, size, drift }: ColumnData, path: readonly PropertyKey[], say: Say): void {
  const at = [...path, 'compareWith'];
  if (compareWith === from) say(at, `column ${name}: compareWith names the same place as from; name the other one, or remove it`);
  if (size !== undefined) say(at, `column ${name} is a list, and only single values are compared; remove compareWith`);
  if (drift === false) say(at, `column ${name}: drift counts what compareWith compares; remove drift: false, or compareWith`);
}

function checkText(column: ColumnData, path: readonly PropertyKey[], say: Say): void {
  if (typeof column.default === 'number') say([...path, 'default'], `column ${column.name} is a string; write its default in quotes`);
  if (column.size !== undefined) say([...path, 'size'], `column ${column.name} is a string, and lists are of numbers; remove size`);
  for (const key of ['min', 'max'] as const) {
    if (column[key] !== undefined) say([...path, key], `column ${column.name} is a string and has no range; remove ${key}`);
  }
  if (column.onInvalid !== 'dead-letter') {
    say([...path, 'onInvalid'], `column ${column.name} is a string and is never invalid; remove onInvalid`);
  }
}

function checkNumber(column: ColumnData, path: readonly PropertyKey[], say: Say): void {
  const { name, min, max, onInvalid } = column;
  const fallback = column.default;
  if (typeof fallback === 'string') say([...path, 'default'], `column ${name} is a number, its default a string`);
  if (min !== undefined && max !== undefined && min > max) say([...path, 'min'], `column ${name}: min ${min} is above max ${max}`);
  if (typeof fallback === 'number' && (fallback < (min ?? fallback) || fallback > (max ?? fallback))) {
    say([...path, 'default'], `column ${name}: the default ${fallback} lies outside min and max`);
  }
  if (onInvalid === 'clamp' && min === undefined && max === undefined) {
    say([...path, 'onInvalid'], `column ${name}: clamp needs min or max`);
  }
  if (onInvalid === 'default' && fallback === undefined && column.required) {
    say([...path, 'onInvalid'], `column ${name} is required and has no default to put in place of an invalid value`);
  }
}
