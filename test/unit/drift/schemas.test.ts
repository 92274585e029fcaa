import avsc from 'avsc';
import { expect, test } from 'vitest';
import { driftProfileSchema, driftProfileType } from '../../../src/drift/schemas.ts';

/** What deltas had not, when they were first written to topics. */
const LATER = new Set(['typeMismatches', 'skewCompared', 'skewMismatched', 'rejected']);

test('the schema of deltas is one that a registry takes as the next version of the first: what is new has a default', () => {
  let left = 0;
  const first = JSON.parse(JSON.stringify(driftProfileSchema), (key, value: unknown) => {
    if (key !== 'fields') return value;
    const fields = (value as { name: string }[]).filter(({ name }) => !LATER.has(name));
    left += (value as object[]).length - fields.length;
    return fields;
  }) as avsc.Schema;
  expect(left).toBe(LATER.size);
  expect(() => driftProfileType.createResolver(avsc.Type.forSchema(first, { wrapUnions: false }))).not.toThrow();
});
