import type { FeatureGroup } from '../core/ports.ts';
import { type FeatureRow, TIMESTAMP_FIELD } from './feature-row.ts';

/**
 * The features found in rows to be loaded, in order of first appearance: a feature with any text value is a string
 * feature, all others are floats.
 */
export function featureGroupFromRows(name: string, rows: Iterable<FeatureRow>): FeatureGroup {
  const kinds = new Map<string, 'float' | 'string'>();
  for (const { values } of rows) {
    for (const [feature, value] of Object.entries(values)) {
      if (feature === TIMESTAMP_FIELD) continue;
      if (typeof value === 'string') kinds.set(feature, 'string');
      else if (!kinds.has(feature)) kinds.set(feature, 'float');
    }
  }
  const named = (kind: string): string[] => [...kinds].flatMap(([feature, k]) => (k === kind ? [feature] : []));
  return { name, floatFeatures: named('float'), stringFeatures: named('string') };
}
