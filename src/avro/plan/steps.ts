import type { BindingNode, Target } from '../../core/bindings.ts';
import type { AvroSchema, EnumSchema } from './schema.ts';

/** What to do with the next value of the writer's data. A decode program is a tree of these, in the order of the bytes. */
export type Step =
  /** Passes over a value that nothing needs. */
  | { readonly kind: 'skip'; readonly schema: AvroSchema }
  /** Reads a value of type `writer`, understood as type `reader`, into targets. */
  | { readonly kind: 'leaf'; readonly writer: AvroSchema; readonly reader: AvroSchema; readonly node: BindingNode }
  /** As `leaf`; `symbols[i]` is what the reader calls the writer's symbol i, undefined where it has no name for it. */
  | { readonly kind: 'enum'; readonly writer: EnumSchema; readonly symbols: readonly (string | undefined)[]; readonly node: BindingNode }
  /** Values in turn, then constants for fields that the writer lacks. */
  | { readonly kind: 'record'; readonly fields: readonly FieldStep[]; readonly defaults: readonly Assignment[] }
  /** Reads a branch number, then does that branch. */
  | { readonly kind: 'union'; readonly branches: readonly Step[]; readonly path: string }
  /**
   * A value that the reader cannot take: this datum fails, others do not. With `columns`, its type is what is wrong: the rest of the datum
   * is read all the same, for its event time.
   */
  | { readonly kind: 'error'; readonly message: string; readonly schema: AvroSchema; readonly columns: readonly number[] };

/** A field of a writer's record. */
export interface FieldStep {
  /** Path in the writer's names, for messages. */
  readonly path: string;
  readonly step: Step;
}

/** A default value on its way to a target. */
export interface Assignment {
  readonly target: Target;
  readonly value: number | string;
}

/** Why no datum can pass a step; undefined when some can. */
export function certainFailure(step: Step): string | undefined {
  switch (step.kind) {
    case 'error':
      return step.message;
    case 'record':
      for (const field of step.fields) {
        const failure = certainFailure(field.step);
        if (failure !== undefined) return failure;
      }
      return undefined;
    case 'union': {
      const failures = step.branches.map(certainFailure);
      return failures.every((f) => f !== undefined) ? (failures[0] ?? `${step.path} is a union without branches.`) : undefined;
    }
    case 'enum':
      return step.symbols.some((s) => s !== undefined)
        ? undefined
        : `None of the symbols of the writer's enum ${step.writer.name} is known to the reader.`;
    default:
      return undefined;
  }
}
