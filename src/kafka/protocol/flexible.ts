/**
 * Flexible versions of Kafka's requests (KIP-482) by kafkajs' encoder and decoder. kafkajs 2.2.4 speaks hardly any, and
 * its `readTaggedFields` moves one byte too few for each field that is there, for it takes the length of a field to be one
 * more than its bytes; here fields are skipped as KIP-482 has them.
 */
import { kafkajsInternal } from './guard.ts';

/** The part of kafkajs' `Encoder` that is used here; each call appends and returns the encoder. */
export interface Encoder {
  writeBoolean(value: boolean): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  /** Takes decimal text too. */
  writeInt64(value: number | string): Encoder;
  writeUVarInt(value: number): Encoder;
  /** COMPACT_NULLABLE_STRING. */
  writeUVarIntString(value: string | null): Encoder;
  /** COMPACT_ARRAY of what was encoded already. */
  writeUVarIntArray(elements: readonly Encoder[]): Encoder;
  /** All bytes so far. */
  readonly buffer: Buffer;
}

/** The part of kafkajs' `Decoder` that is used here. */
export interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readUVarInt(): number;
  readUVarIntString(): string | null;
  /** Null for the null array. */
  readUVarIntArray<T>(element: (decoder: Decoder) => T): T[] | null;
  forward(bytes: number): void;
}

const EncoderClass = kafkajsInternal<new () => Encoder>('src/protocol/encoder.js');
const DecoderClass = kafkajsInternal<new (bytes: Buffer) => Decoder>('src/protocol/decoder.js');

/** An empty encoder of kafkajs. */
export function encoder(): Encoder {
  return new EncoderClass();
}

/** A decoder of kafkajs at the first of `bytes`. */
export function decoder(bytes: Buffer): Decoder {
  return new DecoderClass(bytes);
}

/** Ends a structure without tagged fields. kafkajs writes version 1 of the request header: its tag buffer comes with this too. */
export function endTags(structure: Encoder): Encoder {
  return structure.writeUVarInt(0);
}

/** Skips the tagged fields at the end of a structure or header. */
export function skipTags(from: Decoder): void {
  for (let fields = from.readUVarInt(); fields > 0; fields--) {
    from.readUVarInt(); // the tag
    from.forward(from.readUVarInt());
  }
}

/** Reads a COMPACT_ARRAY of structures; each ends in tagged fields, which `element` need not read. */
export function readStructures<T>(from: Decoder, element: (decoder: Decoder) => T): T[] {
  return (
    from.readUVarIntArray((each) => {
      const value = element(each);
      skipTags(each);
      return value;
    }) ?? []
  );
}

/** kafkajs' error for an error code of Kafka. */
export const errorFromCode = kafkajsInternal<{ createErrorFromCode(code: number): Error }>('src/protocol/error.js').createErrorFromCode;
