/** The types of Avro that have no schema of their own. */
export type PrimitiveType = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string';

/** A parsed `.avsc`: whatever `JSON.parse` gave. */
export type AvroJson = unknown;

/** What all schemas may carry. Unknown logical types are kept as text and change nothing. */
interface Annotated {
  readonly logicalType?: string;
  /** Scale of a `decimal`; 0 when the schema gives none. */
  readonly scale?: number;
}

/** A primitive type, perhaps with a logical type. */
export interface PrimitiveSchema extends Annotated {
  readonly type: PrimitiveType;
}

/** A field of a record. */
export interface AvroField {
  readonly name: string;
  readonly schema: AvroSchema;
  readonly aliases: readonly string[];
  /** True when the schema gives a default; `default` may well be null then. */
  readonly hasDefault: boolean;
  readonly default: unknown;
}

/** A record. `fields` is filled after the object exists, since records may contain themselves. */
export interface RecordSchema extends Annotated {
  readonly type: 'record';
  /** Full name: namespace and name. */
  readonly name: string;
  /** Full names that a writer's record of this type may have. */
  readonly aliases: readonly string[];
  fields: readonly AvroField[];
}

/** An enum. */
export interface EnumSchema extends Annotated {
  readonly type: 'enum';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly symbols: readonly string[];
  /** Symbol that stands in for symbols which a reader does not know. */
  readonly default?: string;
}

/** A byte string of fixed length. */
export interface FixedSchema extends Annotated {
  readonly type: 'fixed';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly size: number;
}

/** An array. */
export interface ArraySchema extends Annotated {
  readonly type: 'array';
  readonly items: AvroSchema;
}

/** A map with string keys. */
export interface MapSchema extends Annotated {
  readonly type: 'map';
  readonly values: AvroSchema;
}

/** A union; never holds another union directly. */
export interface UnionSchema extends Annotated {
  readonly type: 'union';
  readonly branches: readonly AvroSchema[];
}

/** A schema with a full name. */
export type NamedSchema = RecordSchema | EnumSchema | FixedSchema;

/** An Avro schema with all names resolved. Recursive schemas are cyclic object graphs. */
export type AvroSchema = PrimitiveSchema | NamedSchema | ArraySchema | MapSchema | UnionSchema;

/** The part of a full name after the last dot. */
export function unqualifiedName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('.') + 1);
}

/** True for schemas with a full name. */
export function isNamed(schema: AvroSchema): schema is NamedSchema {
  return schema.type === 'record' || schema.type === 'enum' || schema.type === 'fixed';
}

/** Short text for messages: the full name of a named type, the branches of a union, else the type. */
export function describe(schema: AvroSchema): string {
  if (isNamed(schema)) return `${schema.type} ${schema.name}`;
  if (schema.type === 'union') return `union [${schema.branches.map((b) => (isNamed(b) ? b.name : b.type)).join(', ')}]`;
  return schema.logicalType === undefined ? schema.type : `${schema.type} (${schema.logicalType})`;
}
