/** Memory of large responses, used again once nobody looks at them any more. */
import { BufferPool } from './buffer-pool.ts';

const pool = new BufferPool();
/** How many hold each buffer of ours that has been held at all. */
const holders = new WeakMap<ArrayBufferLike, number>();
const ours = new WeakSet<ArrayBufferLike>();

/** A buffer of `size` bytes for a response; its contents are arbitrary. */
export function responseBuffer(size: number): Buffer<ArrayBuffer> {
  const buffer = pool.take(size);
  if (pool.isPooled(size)) ours.add(buffer.buffer);
  return buffer;
}

/** Keeps the memory of a response, or of a part of it, from being used again until it is let go as often as it was held. */
export function hold({ buffer }: Buffer): void {
  if (ours.has(buffer)) holders.set(buffer, (holders.get(buffer) ?? 0) + 1);
}

/** The opposite of `hold`. Memory that nobody has ever held is left to the garbage collector. */
export function letGo(part: Buffer): void {
  const { buffer } = part;
  const left = (holders.get(buffer) ?? 0) - 1;
  if (left > 0) holders.set(buffer, left);
  else if (left === 0) {
    holders.delete(buffer);
    ours.delete(buffer);
    pool.giveBack(part as Buffer<ArrayBuffer>);
  }
}
