import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { fieldSchema, type JsonSchema, jsonSchema } from '../../../src/config/index.ts';

/** Every schema of a field with its path. */
function fields(schema: JsonSchema, path = ''): [string, JsonSchema][] {
  const children = Object.entries(schema.properties ?? {}).map(([key, child]): [string, JsonSchema] => [`${path}.${key}`, child]);
  const element =
    typeof schema.additionalProperties === 'object' ? [[`${path}.*`, schema.additionalProperties] as [string, JsonSchema]] : [];
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((branch) => fields(branch, path));
  return [
    ...children.flatMap(([key, child]): [string, JsonSchema][] => [[key, child], ...fields(child, key)]),
    ...element.flatMap(([key, child]) => fields(child, key)),
    ...branches,
  ];
}

describe('fieldSchema', () => {
  it('describes every field: the reference is made from it', () => {
    const all = fields(fieldSchema());
    expect(all.length).toBeGreaterThan(80);
    expect(all.filter(([, field]) => !field.description).map(([path]) => path)).toEqual([]);
  });

  it('says what is required and what is preset', () => {
    const schema = fieldSchema();
    expect(schema.required).toEqual(['name', 'kafka', 'input', 'model']);
    expect(schema.properties?.['kafka']?.properties?.['sessionTimeoutMs']).toMatchObject({ default: 30_000, title: 'duration' });
  });
});

describe('jsonSchema', () => {
  it('allows a reference to the environment wherever more than text is wanted', () => {
    const reference = { $ref: '#/$defs/environment' };
    const { ops, kafka, model, features } = jsonSchema().properties ?? {};
    expect(ops?.properties?.['port']?.anyOf).toContainEqual(reference);
    expect(ops?.properties?.['port']).toMatchObject({ default: 9_464 });
    expect(kafka?.properties?.['sasl']?.properties?.['mechanism']?.anyOf).toContainEqual(reference);
    const group = features?.additionalProperties as JsonSchema;
    expect(group.properties?.['layout']?.anyOf).toContainEqual(reference);
    // Any text is allowed here already.
    expect(model?.properties?.['package']).not.toHaveProperty('anyOf');
  });

  it('refuses unknown keys', () => {
    expect(jsonSchema()['additionalProperties']).toBe(false);
  });

  it('takes the file of the flights example, and not one with mistakes', () => {
    const schema = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    const flights = parse(readFileSync(new URL('../../../examples/flights/weir.yaml', import.meta.url), 'utf8')) as Record<string, object>;
    expect(schema.safeParse(flights).error?.issues ?? []).toEqual([]);
    expect(schema.safeParse({ ...flights, batch: { maxRows: 'many' } }).success).toBe(false);
    expect(schema.safeParse({ ...flights, batch: { maxRows: '${ROWS}' } }).success).toBe(true);
    expect(schema.safeParse({ ...flights, batch: { maxRow: 1 } }).success).toBe(false);
    expect(schema.safeParse({ ...flights, input: { ...flights['input'], format: 'xml' } }).success).toBe(false);
  });
});
