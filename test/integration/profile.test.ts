import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline as stream } from 'node:stream/promises';
import avsc from 'avsc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { FLIGHT_DEPARTED_SCHEMA, flightDeparted } from '../../examples/flights/flight-event.ts';
import { runProgram } from '../../src/cli/program.ts';
import { plain } from '../../src/cli/terminal.ts';
import { parseReferenceProfile } from '../../src/drift/reference-profile.ts';
import { type FlightsPipeline, flightsPipeline, publish, someFlights } from '../support/flights.ts';
import { committed } from '../support/kafka.ts';

const FLIGHTS = 4_000;
const folder = mkdtempSync(join(tmpdir(), 'weir-profile-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

let pipeline: FlightsPipeline;
beforeAll(async () => {
  pipeline = await flightsPipeline({}, 3);
  await publish(pipeline, someFlights(FLIGHTS, 50));
});

/** Runs `weir profile build` and reads what it wrote. */
async function build(name: string, ...args: string[]) {
  const out = join(folder, `${name}.json`);
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const terminal = { env: { ...pipeline.env, LOG_LEVEL: undefined }, out: say, err: say, progress: () => {}, style: plain };
  const code = await runProgram(['profile', 'build', '--config', examplePath('weir.yaml'), '--out', out, ...args], terminal);
  if (code !== 0) throw new Error(`exit ${code}: ${lines.join('\n')}`);
  return parseReferenceProfile(JSON.parse(readFileSync(out, 'utf8')));
}

describe('weir profile build', { timeout: 120_000 }, () => {
  it('builds the same profile from a topic and from a file, and commits nothing', async () => {
    const events = join(folder, 'events.avro');
    const encoder = new avsc.streams.BlockEncoder(avsc.Type.forSchema(FLIGHT_DEPARTED_SCHEMA as avsc.Schema), { codec: 'deflate' });
    const written = stream(encoder, createWriteStream(events));
    for (const flight of someFlights(FLIGHTS, 50)) encoder.write(flightDeparted(flight));
    encoder.end();
    await written;

    const fromFile = await build('file', '--file', events);
    const fromTopic = await build('topic', '--topic', pipeline.config.input.topic);
    expect(fromFile.rows).toBe(FLIGHTS);
    expect(fromTopic).toEqual(fromFile);
    const delays = fromFile.features.find(({ name }) => name === 'depDelayMinutes')!;
    expect(delays.counts.reduce((a, b) => a + b, 0)).toBe(FLIGHTS);
    // 15 % of the flights find no plane.
    expect(fromFile.features.find(({ name }) => name === 'seats')!.missing / FLIGHTS).toBeCloseTo(0.15, 1);
    expect([...(await committed(pipeline.config.kafka.groupId, pipeline.config.input.topic)).values()]).toEqual([-1, -1, -1]);
  });

  it('stops at --limit', async () => {
    const profile = await build('limited', '--topic', pipeline.config.input.topic, '--limit', '1000');
    expect(profile.rows).toBeGreaterThanOrEqual(1_000);
    expect(profile.rows).toBeLessThan(FLIGHTS);
  });
});
