import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AvroSchema, compilePlan, fingerprint64, parseAvroSchema } from '../../src/avro/plan/index.ts';
import { WeirError } from '../../src/core/errors.ts';
import { type BoundLeaf, type BoundSchema, bindLeaves, clearRow, emptyRow, expectedValue, leafValue } from '../oracle/bound-leaves.ts';
import { EVOLUTION_CASES } from '../oracle/evolution-cases.ts';
import { type JavaOracle, type OracleResult, oracleObstacle, startJavaOracle } from '../oracle/java-oracle.ts';
import { printSchema, withoutUnbindable } from '../oracle/print-schema.ts';
import { Random } from '../oracle/random.ts';
import { Data } from '../oracle/random-data.ts';
import { ReaderSchemas, WriterSchemas } from '../oracle/schema-pairs.ts';

const obstacle = oracleObstacle();
const CASES = Number(process.env['WEIR_ORACLE_CASES'] ?? 1500);
const SEED = Number(process.env['WEIR_ORACLE_SEED'] ?? 20260711);
const DATA_PER_CASE = 4;

interface Pair {
  readonly writer: unknown;
  readonly reader: unknown;
  readonly data: readonly Buffer[];
  readonly bound: BoundSchema;
}

/** A reader schema that is valid: evolution may drop the definition of a type that is used by name elsewhere. */
function evolved(random: Random, writer: ReturnType<WriterSchemas['record']>): AvroSchema {
  for (;;) {
    try {
      return parseAvroSchema(new ReaderSchemas(random, writer).evolve(writer));
    } catch (thrown) {
      if (!(thrown instanceof WeirError && thrown.code === 'schema_invalid')) throw thrown;
    }
  }
}

function makePair(seed: number): Pair {
  const random = new Random(seed);
  const writer = new WriterSchemas(random).record();
  const reader = printSchema(withoutUnbindable(evolved(random, writer)));
  const data = new Data(random);
  data.learn(writer);
  const datums = Array.from({ length: DATA_PER_CASE }, () => data.encode(writer));
  return { writer, reader, data: datums, bound: bindLeaves(parseAvroSchema(reader), (uses) => random.pick(uses)) };
}

/** Cuts, changes, adds or removes bytes. */
function damage(random: Random, datum: Buffer): Buffer {
  const bytes = [...datum];
  const at = random.below(bytes.length + 1);
  switch (random.below(4)) {
    case 0:
      return Buffer.from(bytes.slice(0, at));
    case 1:
      bytes.splice(at, 1, random.below(256));
      break;
    case 2:
      bytes.splice(at, 0, random.pick([0, 1, 2, 3, 127, 128, 255]));
      break;
    default:
      bytes.splice(at, 1 + random.below(3));
  }
  return Buffer.from(bytes);
}

interface Outcome {
  readonly status: string;
  readonly values: readonly unknown[];
}

/** What weir makes of the data of a pair: one outcome a datum, or the code of the error that compiling it gave. */
function ours(pair: Pick<Pair, 'writer' | 'reader' | 'data' | 'bound'>): Outcome[] | string {
  const { layout, leaves } = pair.bound;
  try {
    const plan = compilePlan(parseAvroSchema(pair.writer), parseAvroSchema(pair.reader), layout);
    const rows = emptyRow(layout);
    return pair.data.map((datum) => {
      clearRow(rows);
      const end = plan.decode(datum, 0, datum.length, rows, 0);
      if (end < 0) return { status: rows.codeOf(0) ?? 'no code', values: [] };
      if (end !== datum.length) return { status: `left ${datum.length - end}`, values: [] };
      return { status: 'ok', values: leaves.map((leaf, i) => leafValue(rows, leaf, i)) };
    });
  } catch (thrown) {
    if (thrown instanceof WeirError) return thrown.code;
    throw thrown;
  }
}

/** What weir must make of a datum, given what Java made of it. */
function expected(result: OracleResult, leaves: readonly BoundLeaf[]): Outcome {
  if ('error' in result) return { status: result.error === 'DATA' ? 'data_unresolvable' : 'decode_failed', values: [] };
  const values = leaves.map((leaf) => expectedValue(result.value, leaf));
  if (values.includes('unresolvable')) return { status: 'data_unresolvable', values: [] };
  return { status: result.left === 0 ? 'ok' : `left ${result.left}`, values };
}

describe('Java Avro oracle', () => {
  it('runs here, or says why it does not', () => {
    if (obstacle === undefined) expect(oracleObstacle()).toBeUndefined();
    else {
      console.warn(obstacle);
      expect(obstacle).toMatch(/^Java Avro oracle not run: .*(not on the PATH|17 or later is needed)/);
    }
  });
});

describe.runIf(obstacle === undefined)('decoding against Java Avro 1.12', () => {
  let oracle: JavaOracle;

  beforeAll(() => {
    oracle = startJavaOracle();
  });

  afterAll(() => oracle.stop());

  it(`agrees on ${CASES} generated pairs of schemas, value by value and error by error`, async () => {
    const tally = { ok: 0, data_unresolvable: 0, schema: 0, partial: 0 };
    const disagreements: string[] = [];
    for (let i = 0; i < CASES; i++) {
      const pair = makePair(SEED + i);
      const reply = await oracle.ask(pair.writer, pair.reader, pair.data);
      const actual = ours(pair);
      const where = (): string => `seed ${SEED + i}\nwriter ${JSON.stringify(pair.writer)}\nreader ${JSON.stringify(pair.reader)}`;
      // Not all leaves of a recursive or mixed type are bound; there Java resolves more than any column reads, and may fail where
      // weir does not. What Java can read must be read all the same.
      const readsLess = pair.bound.isPartial && (reply.error === 'SCHEMA' || reply.results!.some((r) => 'error' in r));
      if (readsLess) {
        tally.partial++;
        continue;
      }
      if (reply.error === 'SCHEMA') {
        tally.schema++;
        if (actual !== 'schema_incompatible') disagreements.push(`${where()}\nJava: ${reply.message}\nweir: ${JSON.stringify(actual)}`);
        continue;
      }
      if (typeof actual === 'string') {
        // Nothing in the columns' reach can ever be read; Java does not know what columns want, so each datum must say so.
        const all = reply.results!.map((r) => expected(r, pair.bound.leaves).status);
        if (all.some((s) => s !== 'data_unresolvable')) disagreements.push(`${where()}\nJava: ${JSON.stringify(reply)}\nweir: ${actual}`);
        tally.schema++;
        continue;
      }
      for (const [j, result] of reply.results!.entries()) {
        const wanted = expected(result, pair.bound.leaves);
        const same = wanted.status === actual[j]!.status && wanted.values.every((v, k) => Object.is(v, actual[j]!.values[k]));
        if (!same)
          disagreements.push(
            `${where()}\ndatum ${pair.data[j]!.toString('hex')}\nJava: ${JSON.stringify(result)}\nwanted ${JSON.stringify(wanted)}\nweir: ${JSON.stringify(actual[j])}`,
          );
        else if (wanted.status === 'ok') tally.ok++;
        else tally.data_unresolvable++;
      }
    }
    console.info('Java oracle:', JSON.stringify(tally));
    expect(disagreements.slice(0, 3).join('\n\n'), `${disagreements.length} disagreements`).toBe('');
    // A generator that only makes errors, or none, would test nothing.
    expect(tally.ok).toBeGreaterThan(CASES);
    expect(tally.data_unresolvable).toBeGreaterThan(CASES / 20);
    expect(tally.schema).toBeGreaterThan(CASES / 20);
  }, 300_000);

  it('takes no damaged datum that Java refuses, and reads what it takes as Java does', async () => {
    const tally = { ok: 0, refused: 0 };
    const disagreements: string[] = [];
    for (let i = 0; i < CASES / 3; i++) {
      const pair = makePair(SEED + i);
      const random = new Random(SEED - i);
      const damaged = { ...pair, data: pair.data.flatMap((d) => [damage(random, d), damage(random, d), damage(random, d)]) };
      const actual = ours(damaged);
      if (typeof actual === 'string' || pair.bound.isPartial) continue;
      // Only what weir takes is shown to Java. Weir may refuse more than Java (booleans other than 0 and 1, numbers of enum symbols
      // out of range in skipped fields, ints of more than 32 bits, negative lengths in skipped fields, text that is not UTF-8),
      // and Java would count for hours through a false count of items without bytes.
      const taken = [...actual.entries()].filter(([, o]) => o.status !== 'decode_failed' && o.status !== 'data_unresolvable');
      tally.ok += taken.length;
      tally.refused += actual.length - taken.length;
      const data = taken.map(([j]) => damaged.data[j]!);
      const reply = await oracle.ask(pair.writer, pair.reader, data);
      for (const [k, [, got]] of taken.entries()) {
        const wanted = expected(reply.results![k]!, pair.bound.leaves);
        const same = wanted.status === got.status && wanted.values.every((v, c) => got.values.length === 0 || Object.is(v, got.values[c]));
        if (!same) {
          disagreements.push(
            `seed ${SEED + i}\nwriter ${JSON.stringify(pair.writer)}\nreader ${JSON.stringify(pair.reader)}\ndatum ${data[k]!.toString('hex')}\nJava: ${JSON.stringify(reply.results![k])}\nweir: ${JSON.stringify(got)}`,
          );
        }
      }
    }
    console.info('Java oracle, damaged data:', JSON.stringify(tally));
    expect(disagreements.slice(0, 3).join('\n\n'), `${disagreements.length} disagreements`).toBe('');
    expect(tally.ok).toBeGreaterThan(CASES / 10);
    expect(tally.refused).toBeGreaterThan(CASES / 10);
  }, 300_000);

  it.each(EVOLUTION_CASES.map((c) => [c.name, c] as const))(
    'by hand: %s',
    async (_, { writer, reader, datum, bind, result, javaDiffers }) => {
      const leaves = Object.entries(bind).map(([path, use]): BoundLeaf => ({ path: path.split('.'), use }));
      const reply = await oracle.ask(writer, reader, [datum]);
      const java = reply.error ? { status: 'schema_incompatible', values: [] } : expected(reply.results![0]!, leaves);
      const seen = java.status === 'ok' ? java.values.map((v) => v ?? null) : java.status;
      if (javaDiffers === undefined) expect(seen).toEqual(result);
      else expect(seen, `Java no longer ${javaDiffers}`).not.toEqual(result);
    },
  );

  it('gives the same canonical forms and fingerprints', async () => {
    for (let i = 0; i < 200; i++) {
      const { writer } = makePair(SEED + i);
      const reply = await oracle.ask(writer, undefined, []);
      expect(fingerprint64(parseAvroSchema(writer)).toString('hex')).toBe(reply.fingerprint);
    }
  });
});
