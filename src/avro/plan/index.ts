/** Avro schemas and compiled decoders: bytes of any writer schema straight into columns. */
export { canonicalForm, fingerprint64 } from './canonical.ts';
export { checkBindings, compilePlan, compileSkipper, type DecodePlan } from './compile.ts';
export { parseAvroSchema } from './parse.ts';
export type { AvroJson, AvroSchema } from './schema.ts';
