import { z } from 'zod';
import { pipelineSchema } from './pipeline-schema.ts';

/** A JSON Schema (draft 2020-12), as far as weir looks into it. */
export interface JsonSchema {
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly [key: string]: unknown;
}

/** JSON Schema of `weir.yaml` as people write it, without `${NAME}`: what the reference is made from. */
export function fieldSchema(): JsonSchema {
  return z.toJSONSchema(pipelineSchema, { io: 'input', target: 'draft-2020-12' }) as JsonSchema;
}

/**
 * JSON Schema of `weir.yaml` for editors: completion, descriptions, and red lines under mistakes. Wherever a value is
 * more than any text, `${NAME}` may stand instead.
 */
export function jsonSchema(): JsonSchema {
  const { $schema, ...schema } = fieldSchema();
  return {
    $schema,
    title: 'weir.yaml',
    ...withReferences(schema),
    $defs: {
      environment: { type: 'string', pattern: '\\$\\{', description: 'A value from the environment: ${NAME} or ${NAME:-default}.' },
    },
  };
}

function withReferences(schema: JsonSchema): JsonSchema {
  const { properties, additionalProperties, items, anyOf, oneOf, ...rest } = schema;
  if (properties || additionalProperties || items || anyOf || oneOf) {
    return {
      ...rest,
      ...(properties && { properties: Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, withReferences(inner)])) }),
      ...(additionalProperties !== undefined && {
        additionalProperties: typeof additionalProperties === 'boolean' ? additionalProperties : withReferences(additionalProperties),
      }),
      ...(items && { items: withReferences(items) }),
      ...(anyOf && { anyOf: anyOf.map(withReferences) }),
      ...(oneOf && { oneOf: oneOf.map(withReferences) }),
    };
  }
  const { description, default: preset, title, ...constraints } = schema;
  const isAnyText =
    constraints.type === 'string' && !constraints.enum && !constraints.pattern && !constraints.format && constraints.const === undefined;
  // A constant tells the branches of a union apart, so it stays as it is.
  if (isAnyText || constraints.const !== undefined || Object.keys(constraints).length === 0) return schema;
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset }),
    anyOf: [constraints, { $ref: '#/$defs/environment' }],
  };
}
