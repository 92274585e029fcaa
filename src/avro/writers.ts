import type { RecordErrorCode } from '../core/errors.ts';
import type { Frame, WriterIdKind } from './framing.ts';
import { writerIdText } from './framing.ts';
import type { DecodePlan } from './plan/index.ts';

/** A writer schema that records of the topic name, and what became of it. */
export interface Writer {
  readonly kind: WriterIdKind;
  /** The id as it stands in records. */
  readonly idBytes: Uint8Array;
  /** The id as text. */
  readonly idText: string;
  /** Set when records of this writer can be decoded. */
  plan: DecodePlan | undefined;
  /** Set when they cannot; then all its rows fail so. */
  failure: { readonly code: RecordErrorCode; readonly message: string } | undefined;
  /** Set while the schema is being fetched. */
  loading: Promise<void> | undefined;
}

const RECENT = 8;

/**
 * The writers met so far, found by the id bytes of a frame. Consecutive records nearly always share the writer, so the
 * last one is looked at first; a few recent ones next, for topics in the middle of a roll-out; a string is made only
 * for ids that are none of these.
 */
export class WriterTable {
  private readonly byText = new Map<string, Writer>();
  private readonly recent: Writer[] = [];
  private last: Writer | undefined;
  private turn = 0;
  private readonly capacity: number;

  /** @param capacity writers kept; the one met first goes first */
  constructor(capacity = 1_000) {
    this.capacity = capacity;
  }

  /** The writer that the frame names; a new one without plan and failure when it was not met before. */
  find(frame: Frame, buffer: Buffer): Writer {
    const { last } = this;
    if (last !== undefined && isNamedBy(last, frame, buffer)) return last;
    for (const writer of this.recent) {
      if (!isNamedBy(writer, frame, buffer)) continue;
      this.last = writer;
      return writer;
    }
    return this.findByText(frame, buffer);
  }

  /** Forgets a writer, so that the next record that names it starts anew. Only for writers that never got a plan or a lasting failure. */
  forget(writer: Writer): void {
    const key = keyOf(writer.kind, writer.idText);
    if (this.byText.get(key) === writer) this.byText.delete(key);
  }

  private findByText(frame: Frame, buffer: Buffer): Writer {
    const { kind, idStart, idLength } = frame;
    const idText = writerIdText(kind, buffer, idStart);
    const key = keyOf(kind, idText);
    let writer = this.byText.get(key);
    if (writer === undefined) {
      const idBytes = Uint8Array.prototype.slice.call(buffer, idStart, idStart + idLength);
      writer = { kind, idBytes, idText, plan: undefined, failure: undefined, loading: undefined };
      this.byText.set(key, writer);
      if (this.byText.size > this.capacity) this.byText.delete(this.byText.keys().next().value!);
    } else if (writer.plan !== undefined || writer.failure !== undefined) {
      // Only writers whose fate is settled: one that is still loading may be forgotten.
      this.last = writer;
      this.recent[this.turn] = writer;
      this.turn = (this.turn + 1) % RECENT;
    }
    return writer;
  }
}

function keyOf(kind: WriterIdKind, idText: string): string {
  return `${kind}:${idText}`;
}

function isNamedBy(writer: Writer, frame: Frame, buffer: Buffer): boolean {
  const { idBytes } = writer;
  if (writer.kind !== frame.kind || idBytes.length !== frame.idLength) return false;
  const start = frame.idStart;
  for (let i = idBytes.length - 1; i >= 0; i--) if (buffer[start + i] !== idBytes[i]) return false;
  return true;
}
