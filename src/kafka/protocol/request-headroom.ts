/**
 * A guarded extension of kafkajs 2.2.4: it puts the request header and then the size in front of a request by copying the
 * whole request twice, each time into a buffer of up to twice its size. A request that was written with room in front of it
 * takes both there instead. Requests without such room are framed as before.
 */
import { WeirError } from '../../core/errors.ts';
import { kafkajsInternal } from './guard.ts';

/** Room in front of a request. Size and header take 14 bytes and the client id; when that is longer, kafkajs copies. */
export const HEADROOM_BYTES = 256;

/** The part of kafkajs' `Encoder` that is used here. */
export interface EncoderInternals {
  buf: Buffer;
  offset: number;
  /** Ours: `buf` is the part of `bytes` from `start` on, in which nothing else lies before it. */
  weirHeadroom?: { readonly bytes: Buffer; readonly start: number; readonly body: Buffer };
  writeEncoder(value: EncoderInternals): EncoderInternals;
}

interface EncoderClass {
  readonly prototype: EncoderInternals;
}

const loadEncoder = (): EncoderClass => kafkajsInternal<EncoderClass>('src/protocol/encoder.js');
let isInstalled = false;

/**
 * Patches kafkajs once per process.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function installHeadroom(): void {
  if (isInstalled) return;
  const encoder = loadEncoder().prototype;
  const write = encoder.writeEncoder;
  if (typeof write !== 'function') {
    throw new WeirError('state_invalid', 'kafkajs does not have the internals that weir extends; reinstall the exact version with npm ci.');
  }
  encoder.writeEncoder = function writeInFront(value): EncoderInternals {
    const headroom = value?.weirHeadroom;
    // Whatever was appended since moved the body to another buffer.
    if (!headroom || headroom.body !== value.buf || headroom.start < this.offset) return write.call(this, value);
    const start = headroom.start - this.offset;
    this.buf.copy(headroom.bytes, start, 0, this.offset);
    return adopt(this, headroom.bytes, start, headroom.bytes.length);
  };
  isInstalled = true;
}

/** A kafkajs encoder that holds the bytes `start` … `end` and may use those before `start`. */
export function encoderWithHeadroom(bytes: Buffer, start: number, end: number): EncoderInternals {
  return adopt(Object.create(loadEncoder().prototype) as EncoderInternals, bytes.subarray(0, end), start, end);
}

function adopt(encoder: EncoderInternals, bytes: Buffer, start: number, end: number): EncoderInternals {
  const body = bytes.subarray(start, end);
  encoder.buf = body;
  encoder.offset = body.length;
  encoder.weirHeadroom = { bytes, start, body };
  return encoder;
}
