import avro from 'avsc';
import { WeirError } from '../core/errors.ts';

/** Encodes whole values of one schema. */
export interface AvroRecordEncoder {
  /**
   * The Avro binary form of a value, without frame. Unions that are plain to tell apart take bare values, as in avsc.
   * @throws WeirError `state_invalid` when the value does not fit the schema; the message names the field
   */
  encode(value: unknown): Buffer;
}

/**
 * Creates an encoder for rare records, such as drift statistics: it takes an object per record. Predictions have
 * `createPredictionEncoder`.
 * @throws WeirError `schema_invalid`
 */
export function createAvroRecordEncoder(schemaJson: unknown): AvroRecordEncoder {
  let type: avro.Type;
  try {
    type = avro.Type.forSchema(schemaJson as avro.Schema);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WeirError('schema_invalid', `The schema of an output is not valid Avro: ${reason}`, { cause: error });
  }
  return {
    encode(value) {
      try {
        return type.toBuffer(value);
      } catch (error) {
        const paths: string[] = [];
        type.isValid(value, { errorHook: (path) => paths.push(path.join('.')) });
        const where = paths.length > 0 ? `at ${paths.slice(0, 3).join(', ')}` : 'as a whole';
        throw new WeirError('state_invalid', `A value does not fit the schema ${type.name ?? 'of its topic'} ${where}.`, { cause: error });
      }
    },
  };
}
