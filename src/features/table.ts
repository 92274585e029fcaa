import type { FeatureGroup, FeatureTable } from '../core/ports.ts';
import { GROUP_HIT, GROUP_MISS } from '../core/rows.ts';
import { TIMESTAMP_FIELD } from './feature-row.ts';
import { numberFromText } from '../core/numbers.ts';

/** Makes entities 0 … `count` − 1 misses without values; readers then fill in the hits. */
export function clearTable(table: FeatureTable, group: FeatureGroup, count: number): void {
  table.floats.fill(Number.NaN, 0, count * group.floatFeatures.length);
  for (const column of table.texts) column.clear(count);
  table.state.fill(GROUP_MISS, 0, count);
  table.writtenAtMs.fill(Number.NaN, 0, count);
  table.wrongTypes.clear();
}

/**
 * Fills one entity of a cleared table from a parsed JSON object and makes it a hit. Booleans are 1 and 0, decimal texts
 * are numbers, and numbers are texts where a text is wanted, since loaders differ in how they write them.
 * Returns how many features hold something that cannot be read as their kind; those stay without value.
 */
export function fillFromObject(object: Record<string, unknown>, group: FeatureGroup, table: FeatureTable, entity: number): number {
  const { floatFeatures, stringFeatures } = group;
  let unreadable = 0;
  const at = entity * floatFeatures.length;
  for (let f = 0; f < floatFeatures.length; f++) {
    const value = floatOf(object, floatFeatures[f]!);
    if (value === undefined) {
      table.wrongTypes.note(entity, f);
      unreadable++;
    } else table.floats[at + f] = value;
  }
  for (let f = 0; f < stringFeatures.length; f++) {
    const value = ownValue(object, stringFeatures[f]!);
    if (value === null || value === undefined) continue;
    if (typeof value === 'object') {
      table.wrongTypes.note(entity, floatFeatures.length + f);
      unreadable++;
    } else table.texts[f]!.setText(entity, String(value));
  }
  table.writtenAtMs[entity] = floatOf(object, TIMESTAMP_FIELD) ?? Number.NaN;
  table.state[entity] = GROUP_HIT;
  return unreadable;
}

/** NaN: no value. Undefined: a value that is no number. */
function floatOf(object: Record<string, unknown>, name: string): number | undefined {
  const value = object[name];
  if (typeof value === 'number') return value;
  const own = ownValue(object, name);
  if (own === null || own === undefined || own === '') return Number.NaN;
  if (typeof own === 'boolean') return own ? 1 : 0;
  return typeof own === 'string' ? numberFromText(own) : undefined;
}

/** A feature may be called `constructor`: what every object inherits is not a value. */
function ownValue(object: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
