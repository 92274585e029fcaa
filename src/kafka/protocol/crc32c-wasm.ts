/**
 * CRC-32C as a WebAssembly module, slicing by 16, put together here instruction by instruction so that there is no
 * binary to trust. Memory: 16 tables of 256 × int32 at 0, then one page on the bytes to check.
 *
 * (func (param $crc i32) (param $at i32) (param $size i32) (result i32) (local $end $w0 $w1 $w2 $w3 i32))
 * The checksum comes in and goes out uninverted, so that a long input may be fed in pieces.
 */

const PAGE_BYTES = 65_536;
const TABLE_BYTES = 1_024;
/** Where the input begins in memory; the tables lie below. */
export const INPUT_START = PAGE_BYTES;
/** Bytes of input per call: a quarter of a megabyte stays in the second-level cache. */
export const INPUT_BYTES = 4 * PAGE_BYTES;

/** What the module exports. */
export interface Crc32cModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** @param at byte in memory @param size bytes from there */
  readonly update: (crc: number, at: number, size: number) => number;
}

/** The part of the global `WebAssembly` that is used; without the DOM's types TypeScript does not know it. */
interface WebAssemblyGlobal {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

type Code = readonly number[];

// Locals by number: parameters first.
const CRC = 0;
const AT = 1;
const SIZE = 2;
const END = 3;
const WORDS = [4, 5, 6, 7] as const;

/** Unsigned LEB128, as everywhere in the binary format of WebAssembly. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a constant. */
function signed(value: number): Code {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}

const get = (local: number): Code => [0x20, local];
const set = (local: number, value: Code): Code => [...value, 0x21, local];
const constant = (value: number): Code => [0x41, ...signed(value)];
/** Both loads say alignment 0, which promises nothing: the input begins anywhere. */
const load = (address: Code, offset: number): Code => [...address, 0x28, 0, ...unsigned(offset)];
const loadByte = (address: Code): Code => [...address, 0x2d, 0, 0];
const and = (a: Code, b: Code): Code => [...a, ...b, 0x71];
const xor = (a: Code, b: Code): Code => [...a, ...b, 0x73];
const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
const shiftLeft = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x74];
const shiftRight = (a: Code, bits: number): Code => (bits === 0 ? a : [...a, ...constant(bits), 0x76]);
/** `while (AT < END) body` */
const whileBeforeEnd = (body: Code): Code => [
  ...[0x02, 0x40], // block: its end is where a branch of depth 1 goes
  ...[0x03, 0x40], // loop: its start is where a branch of depth 0 goes
  ...[...get(AT), ...get(END), 0x4f, 0x0d, 1], // if AT ≥ END leave the block
  ...body,
  ...[0x0c, 0, 0x0b, 0x0b],
];
/** `table[number][index]` */
const lookUp = (table: number, index: Code): Code => load(shiftLeft(index, 2), table * TABLE_BYTES);
const byteOf = (word: number, shift: number): Code => and(shiftRight(get(word), shift), constant(255));

/** The first byte of 16 has the farthest to go, so it takes the last table. */
function sixteenBytes(): Code {
  const [first, ...others] = WORDS;
  const loads = [...set(first, xor(get(CRC), load(get(AT), 0))), ...others.flatMap((word, i) => set(word, load(get(AT), 4 * (i + 1))))];
  const lookUps = WORDS.flatMap((word, w) => [0, 8, 16, 24].map((shift, i) => lookUp(15 - (4 * w + i), byteOf(word, shift))));
  return [...loads, ...set(CRC, lookUps.reduce(xor)), ...set(AT, add(get(AT), constant(16)))];
}

function oneByte(): Code {
  const index = and(xor(get(CRC), loadByte(get(AT))), constant(255));
  return [...set(CRC, xor(lookUp(0, index), shiftRight(get(CRC), 8))), ...set(AT, add(get(AT), constant(1)))];
}

function body(): Code {
  return [
    ...[1, 5, 0x7f], // one group of locals: five of i32
    ...set(END, add(get(AT), and(get(SIZE), constant(-16)))),
    ...whileBeforeEnd(sixteenBytes()),
    ...set(END, add(get(AT), and(get(SIZE), constant(15)))),
    ...whileBeforeEnd(oneByte()),
    ...get(CRC),
    0x0b,
  ];
}

const sized = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes];
const section = (id: number, ...entries: Code[]): Code => [id, ...sized([...unsigned(entries.length), ...entries.flat()])];
const name = (text: string): Code => sized([...Buffer.from(text)]);

/** The bytes of the module. */
export function crc32cModuleBytes(): Uint8Array<ArrayBuffer> {
  const pages = (INPUT_START + INPUT_BYTES) / PAGE_BYTES;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f]), // types
    ...section(3, [0]), // functions: one, of type 0
    ...section(5, [0, pages]), // memories: one, without an upper bound
    ...section(7, [...name('memory'), 2, 0], [...name('update'), 0, 0]), // exports
    ...section(10, sized(body())), // code
  ]);
}

/**
 * Instantiates the module and fills its tables.
 * @param tables 16 × 256 words, as `crc32c.ts` makes them
 * @returns undefined where the process has no WebAssembly (`node --jitless`)
 */
export function instantiateCrc32c(tables: Int32Array): Crc32cModule | undefined {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyGlobal };
  if (!WebAssembly) return undefined;
  const module = new WebAssembly.Instance(new WebAssembly.Module(crc32cModuleBytes())).exports as Crc32cModule;
  new Int32Array(module.memory.buffer, 0, tables.length).set(tables);
  return module;
}
