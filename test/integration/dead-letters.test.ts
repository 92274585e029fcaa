import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { headerSpans } from '../../src/app/dlq-headers.ts';
import { runProgram } from '../../src/cli/program.ts';
import {
  type FlightsPipeline,
  flightsPipeline,
  publish,
  readPredictions,
  someFlights,
  startWorker,
  type WorkerProcess,
} from '../support/flights.ts';
import { createTopic, eventually, produce, readTopic, withAdmin } from '../support/kafka.ts';
import { headerBytes, ODD_HEADERS, produceRaw, randomBytes, type RawRecord, readRaw, smallVarint } from '../support/raw-records.ts';
import { uniqueName } from '../support/services.ts';
import { recordingTerminal } from '../unit/cli/terminal-fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-dead-letters-'));
const running: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((w) => w.stop('SIGKILL')));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The flights pipeline with other settings: the file with its paths made absolute and some texts replaced. */
function variant(...replacements: readonly (readonly [string, string])[]): string {
  let text = readFileSync(examplePath('weir.yaml'), 'utf8')
    .replaceAll('schema: schemas/', `schema: ${examplePath('schemas')}/`)
    .replace('models/', examplePath('models/'));
  for (const [from, to] of replacements) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  const file = join(folder, `${uniqueName('weir')}.yaml`);
  writeFileSync(file, text);
  return file;
}

/** A worker that reads every event with the wrong wire format, as after a roll-out gone wrong. */
const broken = (): string => variant(['format: confluent', 'format: plain']);

async function worker(pipeline: FlightsPipeline, file?: string): Promise<WorkerProcess> {
  const started = await startWorker(pipeline, file);
  running.push(started);
  return started;
}

/** Waits until so many records that are no markers are in the topic. */
async function letters(topic: string, count: number): Promise<RawRecord[]> {
  let found: RawRecord[] = [];
  await eventually(async () => {
    found = (await readRaw(topic)).filter((r) => keysOf(r).includes('weir.error.code'));
    return found.length >= count;
  }, 60_000);
  expect(found.length).toBe(count);
  return found;
}

function spans(headers: Buffer): { key: string; value: Buffer | null; bytes: Buffer }[] {
  const found = headerSpans(headers, 0, headers.length);
  if (!found) throw new Error('these are not headers');
  return found;
}
const keysOf = ({ headers }: RawRecord): string[] => spans(headers).map(({ key }) => key);
const textOf = ({ headers }: RawRecord, key: string): string | undefined =>
  spans(headers)
    .findLast((span) => span.key === key)
    ?.value?.toString();

async function weir(pipeline: FlightsPipeline, ...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const terminal = recordingTerminal(pipeline.env as Record<string, string>);
  const exitCode = await runProgram([...args, '--config', examplePath('weir.yaml')], terminal);
  return { exitCode, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
}

const recordsIn = async (topic: string): Promise<number> =>
  (await withAdmin((admin) => admin.fetchTopicOffsets(topic))).reduce((sum, o) => sum + Number(o.high) - Number(o.low), 0);

describe('dead letters of a real worker', { timeout: 180_000 }, () => {
  it('hold any bytes in value, key and headers as they were, and batch mates are scored', async () => {
    const prefix = uniqueName('poison');
    await createTopic(`${prefix}.departed`, 1, { 'max.message.bytes': '12000000' });
    const pipeline = await flightsPipeline({ FLIGHTS_PREFIX: prefix }, 1);
    const { input, output } = pipeline.config;
    const random = randomBytes(7);
    const before = await publish(pipeline, someFlights(300, 1));
    const unknown = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
    const poison = Array.from({ length: 120 }, (_, i): Omit<RawRecord, 'offset'> => {
      const headerCount = random(1)[0]! % 4;
      const headers = Array.from({ length: headerCount }, () => headerBytes(random(5), random(1)[0]! > 128 ? random(9) : null));
      const bombs = [Buffer.concat([unknown, Buffer.from('80d0acf30e', 'hex')]), Buffer.from('80d0acf30e', 'hex'), Buffer.alloc(0)];
      return {
        partition: 0,
        timestampMs: 1_700_000_000_000 + i,
        key: i % 3 === 0 ? null : random(i % 20),
        value: bombs[i] ?? (i % 2 === 0 ? Buffer.concat([unknown, random(i)]) : Buffer.concat([Buffer.from([1]), random(i)])),
        headers: i === 5 ? ODD_HEADERS : headerCount === 0 ? Buffer.alloc(0) : Buffer.concat([smallVarint(headerCount), ...headers]),
      };
    });
    await produceRaw(input.topic, poison);
    const large = Buffer.alloc(10_000_000, 0xa5);
    await produce(input.topic, [{ key: 'large', value: large, headers: { h: 'x' } }]);
    const after = await publish(pipeline, someFlights(300, 2));
    const first = await worker(pipeline);
    const dead = await letters(output.deadLetters.topic, poison.length + 1);
    await eventually(async () => (await recordsIn(output.predictions.topic)) >= before + after);
    await first.drain();

    const given = (await readRaw(input.topic)).slice(before, before + poison.length + 1);
    expect(given.slice(0, -1).map(({ offset: _offset, ...record }) => record)).toEqual(poison);
    dead.forEach((letter, i) => {
      const original = given[i]!;
      expect(letter.key).toEqual(original.key);
      expect(letter.value === null || letter.value.equals(original.value!)).toBe(true);
      expect(letter.value?.length).toBe(original.value?.length);
      const kept = spans(original.headers);
      const all = spans(letter.headers);
      expect(Buffer.concat(all.slice(0, kept.length).map(({ bytes }) => bytes))).toEqual(Buffer.concat(kept.map(({ bytes }) => bytes)));
      expect(all[kept.length]!.key).toBe('weir.error.code');
      expect(textOf(letter, 'weir.error.offset')).toBe(String(original.offset));
      expect(textOf(letter, 'weir.error.timestamp')).toBe(String(original.timestampMs));
    });
    expect(dead.at(-1)!.value!.length).toBe(10_000_000);
    const predictions = await readPredictions(pipeline);
    expect(new Set(predictions.map((p) => p.source.offset)).size).toBe(before + after);
    expect(predictions.length).toBe(before + after);
    // A stock consumer sees the same.
    const stock = (await readTopic(output.deadLetters.topic)).at(-1)!;
    expect(stock).toMatchObject({ key: 'large', headers: { h: 'x', 'weir.error.code': 'frame_invalid' } });

    const listed = await weir(pipeline, 'dlq', 'ls', '--limit', '5');
    expect(listed.exitCode).toBe(0);
    expect(listed.stdout).toContain('121 dead letters');
    // What an input record says of redrives does not make its dead letter a marker.
    expect(listed.stdout.match(/yes/g)).toBeNull();
    const raw = join(folder, 'raw.bin');
    const shown = await weir(pipeline, 'dlq', 'show', '--source', `0:${given[5]!.offset}`, '--raw', raw);
    expect(shown.stderr).toContain('bytes written');
    expect(readFileSync(raw)).toEqual(given[5]!.value);
    expect(shown.stdout).toMatch(/what to do +\S/);
    expect(shown.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect((await weir(pipeline, 'dlq', 'show', '0:99999')).exitCode).toBe(1);

    // Back and forth without a byte changed, but for the attempt.
    const target = uniqueName('elsewhere');
    await createTopic(target, 1, { 'max.message.bytes': '12000000' });
    const redriven = await weir(pipeline, 'dlq', 'redrive', '--to', target, '--yes');
    expect(redriven).toMatchObject({ exitCode: 0, stdout: `✓ 121 records written to ${target}` });
    const back = await readRaw(target);
    back.forEach((record, i) => {
      const original = given[i]!;
      expect([record.key, record.value?.length, record.timestampMs]).toEqual([original.key, original.value?.length, original.timestampMs]);
      expect(record.value!.equals(original.value!)).toBe(true);
      expect(spans(record.headers).slice(0, -1)).toEqual(spans(original.headers));
      expect(spans(record.headers).at(-1)).toMatchObject({ key: 'weir.redrive.attempt', value: Buffer.from('1') });
    });
    expect(back.length).toBe(121);
  });

  it.each([
    ['skip', 0],
    ['dead-letter', 5],
  ])('tombstones: %s', async (policy, expected) => {
    const pipeline = await flightsPipeline({}, 1);
    const { input, output } = pipeline.config;
    await produce(
      input.topic,
      Array.from({ length: 5 }, (_, i) => ({ key: `gone-${i}`, value: null })),
    );
    const count = await publish(pipeline, someFlights(20, 1));
    const first = await worker(pipeline, variant(['startFrom: earliest', `startFrom: earliest\n  tombstones: ${policy}`]));
    await eventually(async () => (await recordsIn(output.predictions.topic)) >= count);
    const dead = await letters(output.deadLetters.topic, expected);
    await first.drain();
    expect(dead.map((letter) => [letter.key?.toString(), letter.value, textOf(letter, 'weir.error.code')])).toEqual(
      Array.from({ length: expected }, (_, i) => [`gone-${i}`, null, 'tombstone']),
    );
    expect(await recordsIn(output.predictions.topic)).toBe(count);
  });
});

describe('weir dlq redrive on a real cluster', { timeout: 180_000 }, () => {
  it('has everything scored once after mending, whatever is repeated', async () => {
    const pipeline = await flightsPipeline({}, 3);
    const { input, output } = pipeline.config;
    const count = await publish(pipeline, someFlights(300, 7));
    const first = await worker(pipeline, broken());
    await letters(output.deadLetters.topic, count);
    await first.drain();
    const given = await readRaw(input.topic);

    const asked = await weir(pipeline, 'dlq', 'redrive');
    expect(asked).toMatchObject({ exitCode: 2, stdout: '' });
    expect(asked.stderr).toContain('say --yes');
    const dry = await weir(pipeline, 'dlq', 'redrive', '--dry-run', '--code', 'decode_failed');
    expect(dry.stdout).toContain(`300 records would be written to ${input.topic}`);
    expect((await weir(pipeline, 'dlq', 'redrive', '--yes', '--code', 'tombstone')).stdout).toContain('nothing to redrive');
    expect(await recordsIn(input.topic)).toBe(count);

    const few = await weir(pipeline, 'dlq', 'redrive', '--yes', '--limit', '10');
    expect(few).toMatchObject({ exitCode: 0, stdout: `✓ 10 records written to ${input.topic}` });
    const partition = await weir(pipeline, 'dlq', 'redrive', '--yes', '--source-partition', '2');
    expect(partition.exitCode).toBe(0);
    const rest = await weir(pipeline, 'dlq', 'redrive', '--yes');
    expect(rest.exitCode).toBe(0);
    const again = await weir(pipeline, 'dlq', 'redrive', '--yes');
    expect(again.stdout).toContain('300 have been redriven before');
    expect(again.stdout).toContain('There is nothing to redrive');
    expect((await weir(pipeline, 'dlq', 'ls', '--open')).stdout).toContain('300 dead letters');
    expect((await weir(pipeline, 'dlq', 'ls', '--open', '--json')).stdout).toBe('');
    expect((await weir(pipeline, 'dlq', 'ls', '--json')).stdout.split('\n').length).toBe(300);

    const twice = (await readRaw(input.topic)).filter((r) => textOf(r, 'weir.redrive.attempt') === '1');
    const comparable = ({ partition: p, key, value, timestampMs }: RawRecord): string =>
      `${p} ${key} ${timestampMs} ${value!.toString('hex')}`;
    expect(twice.map(comparable).sort()).toEqual(given.map(comparable).sort());

    const mended = await worker(pipeline);
    await eventually(async () => (await readPredictions(pipeline)).length >= count);
    await mended.drain();
    const predictions = await readPredictions(pipeline);
    expect(predictions.length).toBe(count);
    expect(predictions.map((p) => p.key!).sort()).toEqual(given.map((r) => r.key!.toString()).sort());
    expect((await readRaw(output.deadLetters.topic)).filter((r) => keysOf(r).includes('weir.error.code')).length).toBe(count);
  });

  it('counts attempts through the dead letters of a record that goes on failing, and then leaves it alone', async () => {
    const pipeline = await flightsPipeline({}, 1);
    const { output } = pipeline.config;
    const count = await publish(pipeline, someFlights(5, 7));
    const first = await worker(pipeline, broken());
    await letters(output.deadLetters.topic, count);
    for (const attempt of ['1', '2', '3']) {
      expect((await weir(pipeline, 'dlq', 'redrive', '--yes')).stdout).toContain('5 records written');
      const dead = await letters(output.deadLetters.topic, count * (Number(attempt) + 1));
      expect(dead.slice(-count).map((letter) => textOf(letter, 'weir.redrive.attempt'))).toEqual(Array(count).fill(attempt));
      expect(keysOf(dead.at(-1)!).filter((key) => key === 'weir.redrive.attempt' || key === 'weir.error.code').length).toBe(2);
    }
    await first.drain();
    const refused = await weir(pipeline, 'dlq', 'redrive', '--yes');
    expect(refused.stdout).toContain('5 have failed again after 3 redrives or more');
    expect(refused.stdout).toContain('There is nothing to redrive');
    expect((await weir(pipeline, 'dlq', 'redrive', '--yes', '--max-attempts', '4', '--limit', '2')).stdout).toContain('2 records written');
    expect((await weir(pipeline, 'dlq', 'redrive', '--yes', '--again', '--max-attempts', '1')).stdout).toContain('5 records written');
  });
});

describe('the dead-letter guard', { timeout: 180_000 }, () => {
  it('ends a worker that scores nothing, instead of draining the topic into the dead letters', async () => {
    const pipeline = await flightsPipeline({}, 2);
    const { deadLetters, predictions } = pipeline.config.output;
    const count = await publish(pipeline, someFlights(6_000, 3));
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const child = spawn(process.execPath, [main, 'run', '--config', broken()], { env: pipeline.env, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (chunk) => (log += chunk));
    const code = await new Promise((resolve) => child.once('exit', (exitCode, signal) => resolve(exitCode ?? signal)));
    expect(code).toBe(1);
    expect(log).toContain('✗ dead_letter_share_exceeded');
    expect(log).toMatch(/\d+ of \d+ records \(100\.0 %\).* became dead letters, and not one was scored since the worker started\./);
    expect(log).toContain('weir dlq ls');
    const drained = await recordsIn(deadLetters.topic);
    expect(drained).toBeLessThan(count);
    expect(await recordsIn(predictions.topic)).toBe(0);

    // Switched off, everything goes through.
    const off = variant(['format: confluent', 'format: plain'], ['.dead-letters"', '.dead-letters"\n    guard: {enabled: false}']);
    const second = await worker(pipeline, off);
    await eventually(async () => (await recordsIn(deadLetters.topic)) >= count, 60_000);
    await second.drain();
  });
});
