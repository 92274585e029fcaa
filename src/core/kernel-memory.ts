/** Kernels that are compiled, by their source. */
const modules = new Map<string, WebAssembly.Module>();

/** All places start at a multiple of this, so that SIMD loads and float64 are aligned. */
const ALIGNMENT = 16;
const PAGE_BYTES = 65_536;
const MOST_AHEAD_BYTES = 1 << 26;

/** Memory that JavaScript and a WebAssembly kernel share, given out from the start and never given back. */
export class KernelMemory {
  readonly memory = new WebAssembly.Memory({ initial: 1 });
  /** The first addresses stay unused: no address is 0. */
  private end = ALIGNMENT;

  /**
   * Gives out the next `bytes`, all zero. Growing detaches the arrays over `memory.buffer`: their owners compare buffers and make them anew.
   * @returns address
   * @throws RangeError above 4 GiB
   */
  allocate(bytes: number): number {
    const address = this.end;
    const end = address + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    const { byteLength } = this.memory.buffer;
    const missing = end - byteLength;
    // Half as much again while there is little: growing one page at a time would detach arrays as often.
    if (missing > 0) this.memory.grow(Math.ceil(Math.max(missing, Math.min(byteLength / 2, MOST_AHEAD_BYTES)) / PAGE_BYTES));
    this.end = end;
    return address;
  }

  /**
   * Makes a kernel that works in this memory; it is compiled once, whatever the number of memories.
   * @param source bytes of what assembly/ holds in AssemblyScript, base64 (a generated `*.wasm.ts`) @returns its exports
   */
  instantiate<Exports>(source: string): Exports {
    let module = modules.get(source);
    if (!module) modules.set(source, (module = new WebAssembly.Module(Buffer.from(source, 'base64'))));
    return new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports as Exports;
  }
}
