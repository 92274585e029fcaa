import avsc, { type Type } from 'avsc';

/** Reads what a writer with another version of a schema has written. */
export type Resolver = ReturnType<Type['createResolver']>;

/** Reads records of one schema, which other versions of weir may have written. */
export interface RecordReader<T> {
  /** For bodies of another version of the schema; undefined when it does not fit. @param writerSchema parsed JSON */
  resolver(writerSchema: unknown): Resolver | undefined;
  /** Reads an Avro body; undefined when it is none of this schema. */
  read(body: Buffer, resolver?: Resolver): T | undefined;
}

/** A reader of the type's records. */
export function recordReader<T>(type: Type): RecordReader<T> {
  return {
    resolver(writerSchema) {
      try {
        return type.createResolver(avsc.Type.forSchema(writerSchema as never, { wrapUnions: false }));
      } catch {
        return undefined; // avsc throws plain errors where schemas do not match.
      }
    },
    read(body, resolver) {
      try {
        return type.fromBuffer(body, resolver as never) as T;
      } catch {
        return undefined; // avsc throws plain errors where bytes end too soon or too late.
      }
    },
  };
}
