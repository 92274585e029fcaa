/** Memory of large requests and responses, used again: fresh memory costs page faults and, being outside of V8's heap, full garbage collections. */

/** What is smaller is not worth the trouble. */
export const LEAST_POOLED_BYTES = 65_536;

/** Free memory, up to so many pieces of at most so many bytes. */
export class BufferPool {
  private readonly free: ArrayBuffer[] = [];
  private readonly maxFree: number;
  private readonly maxKeptBytes: number;

  constructor(maxFree = 8, maxKeptBytes = 1 << 24) {
    this.maxFree = maxFree;
    this.maxKeptBytes = maxKeptBytes;
  }

  /** True when memory for `size` bytes comes from the pool and may go back there. */
  isPooled(size: number): boolean {
    return size >= LEAST_POOLED_BYTES && size <= this.maxKeptBytes;
  }

  /** `size` bytes of arbitrary content. */
  take(size: number): Buffer<ArrayBuffer> {
    if (!this.isPooled(size)) return Buffer.allocUnsafeSlow(size);
    const at = this.free.findIndex((memory) => memory.byteLength >= size);
    const [found] = at < 0 ? [] : this.free.splice(at, 1);
    // Not `new ArrayBuffer`, which writes zeros all over it.
    return Buffer.from(found ?? Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size))).buffer, 0, size);
  }

  /** Takes memory back that nobody looks at any more: all of it, whatever part of it `buffer` is. */
  giveBack({ buffer }: Buffer<ArrayBuffer>): void {
    if (this.isPooled(buffer.byteLength) && this.free.length < this.maxFree) this.free.push(buffer);
  }
}
