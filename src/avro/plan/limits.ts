/** Deepest nesting of a schema that is parsed; real ones stay below 20. */
export const MAX_SCHEMA_DEPTH = 128;

/**
 * Deepest nesting of recursive data that is skipped. Java Avro has no limit and ends in a stack overflow; here a datum
 * that nests deeper (a linked list of more nodes, say) is refused as malformed.
 */
export const MAX_DATA_DEPTH = 512;

/** Most items in one block of an array or map, as in Java. Only items of no bytes at all could have more. */
export const MAX_BLOCK_ITEMS = 0x7fffffff;
