import { z } from 'zod';

/**
 * The keys that a schema knows for the object at a path, all branches of unions together. Empty when the path leads to
 * no object, or to one with free keys.
 */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let level = unwrap(schema);
  for (const part of path) level = level.flatMap((type) => stepInto(type, part)).flatMap(unwrap);
  return [...new Set(level.flatMap((type) => (type instanceof z.ZodObject ? Object.keys(type.shape) : [])))];
}

function stepInto(type: z.ZodType, part: PropertyKey): z.ZodType[] {
  if (type instanceof z.ZodObject) {
    const shape: Record<string, z.ZodType> = type.shape;
    const member = Object.hasOwn(shape, part) ? shape[String(part)] : undefined;
    return member ? [member] : [];
  }
  if (type instanceof z.ZodRecord) return [type.valueType as z.ZodType];
  if (type instanceof z.ZodArray) return [type.element as z.ZodType];
  return [];
}

/** The types behind optional, default, nullable, readonly, pipes (their input) and unions. */
function unwrap(type: z.ZodType): z.ZodType[] {
  if (type instanceof z.ZodUnion) return (type.options as z.ZodType[]).flatMap(unwrap);
  if (type instanceof z.ZodPipe) return unwrap((type.in instanceof z.ZodTransform ? type.out : type.in) as z.ZodType);
  if (type instanceof z.ZodLazy) return unwrap(type.unwrap() as z.ZodType);
  if (
    type instanceof z.ZodOptional ||
    type instanceof z.ZodExactOptional ||
    type instanceof z.ZodDefault ||
    type instanceof z.ZodPrefault ||
    type instanceof z.ZodNullable ||
    type instanceof z.ZodReadonly ||
    type instanceof z.ZodNonOptional
  )
    return unwrap(type.unwrap() as z.ZodType);
  return [type];
}
