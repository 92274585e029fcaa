import { describe, expect, it } from 'vitest';
import { compilePlan, parseAvroSchema } from '../../../../src/avro/plan/index.ts';
import { WeirError } from '../../../../src/core/errors.ts';
import { type BoundLeaf, emptyRow, layoutFor, leafValue } from '../../../oracle/bound-leaves.ts';
import { EVOLUTION_CASES, type EvolutionCase } from '../../../oracle/evolution-cases.ts';

function run({ writer, reader, datum, bind }: EvolutionCase): unknown {
  const leaves = Object.entries(bind).map(([path, use]): BoundLeaf => ({ path: path.split('.'), use }));
  const layout = layoutFor(leaves);
  try {
    const plan = compilePlan(parseAvroSchema(writer), reader === undefined ? undefined : parseAvroSchema(reader), layout);
    const rows = emptyRow(layout);
    // Framing puts other bytes around a datum; a decoder must neither need nor touch them.
    const framed = Buffer.concat([Buffer.from([1, 2, 3]), datum, Buffer.from([0xff, 0xff])]);
    const end = plan.decode(framed, 3, 3 + datum.length, rows, 0);
    if (end < 0) return rows.codeOf(0);
    expect(end).toBe(3 + datum.length);
    return leaves.map((leaf, i) => leafValue(rows, leaf, i) ?? null);
  } catch (thrown) {
    if (thrown instanceof WeirError) return thrown.code;
    throw thrown;
  }
}

describe('schema resolution', () => {
  it.each(EVOLUTION_CASES.map((c) => [c.name, c] as const))('%s', (_, evolution) => {
    expect(run(evolution)).toEqual(evolution.result);
  });
});
