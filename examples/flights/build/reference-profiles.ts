/**
 * Builds `reference.json` of the three model packages from the flights that the models were trained on (January to March):
 * the same as `weir profile build --config weir.yaml --file <events> --out <package>/reference.json` with the features in
 * Redis, but without services. The labels are those of the data: late means more than 15 minutes; of a flight that was diverted nothing is known.
 *
 *     node examples/flights/build/reference-profiles.ts
 */
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import avro from 'avsc';
import type { Truths } from '../../../src/app/labels/reference-truths.ts';
import { performanceTaskFrom } from '../../../src/app/labels/task.ts';
import { buildProfile } from '../../../src/app/profile.ts';
import { loadPipelineFile } from '../../../src/config/index.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import type { PerformanceTask } from '../../../src/drift/performance/layout.ts';
import { serializeReferenceProfile } from '../../../src/drift/reference-profile.ts';
import { readModelPackage } from '../../../src/model/index.ts';
import { FEATURE_GROUPS, featureRows } from '../features.ts';
import { examplePath, readFlights } from '../flight-data.ts';
import { FLIGHT_DEPARTED_SCHEMA, flightDeparted } from '../flight-event.ts';
import { MODELS } from './reference-rows.ts';

const TRAINING_QUARTERS = [1];

/** Of more minutes a flight is late. */
const LATE_MINUTES = 15;

/** Writes the training events as an Avro container, as a team would export them from its topic. */
async function writeEvents(path: string): Promise<void> {
  const encoder = new avro.streams.BlockEncoder(avro.Type.forSchema(FLIGHT_DEPARTED_SCHEMA as avro.Schema), { codec: 'null' });
  const written = pipeline(encoder, createWriteStream(path));
  for (const flight of readFlights(TRAINING_QUARTERS)) encoder.write(flightDeparted(flight));
  encoder.end();
  await written;
}

/** The outcome of each event of the container, by its place there. */
function truthsOf(task: PerformanceTask): Truths {
  const late = Float64Array.from([...readFlights(TRAINING_QUARTERS)], ({ arrDelayMinutes }) =>
    arrDelayMinutes === null ? Number.NaN : Number(arrDelayMinutes > LATE_MINUTES),
  );
  return {
    task,
    of: ({ slices }) =>
      Float64Array.from(slices.flatMap(({ records, from, to }) => [...records.offsets.subarray(from, to)].map((at) => late[at]!))),
  };
}

/** Writes all feature rows in the form of the memory store. */
function writeFeatures(path: string): void {
  const groups = Object.fromEntries(
    FEATURE_GROUPS.map((group) => [group, Object.fromEntries([...featureRows(group)].map(({ entity, values }) => [entity, values]))]),
  );
  writeFileSync(path, JSON.stringify(groups));
}

const folder = mkdtempSync(join(tmpdir(), 'weir-flights-profile-'));
try {
  const events = join(folder, 'events.avro');
  const features = join(folder, 'features.json');
  await writeEvents(events);
  writeFeatures(features);
  for (const model of MODELS) {
    const config = loadPipelineFile(examplePath('weir.yaml'), { ...process.env, FLIGHTS_MODEL: model });
    const { registry: _none, ...rest } = config;
    const { outputs } = await readModelPackage(config.model.package);
    const { profile, failures } = await buildProfile({
      config: { ...rest, stores: { main: { kind: 'memory', file: features } } },
      file: events,
      truths: truthsOf(performanceTaskFrom({ task: 'binary' }, outputs)),
      logger: silentLogger,
    });
    writeFileSync(examplePath(`models/${model}/1/reference.json`), serializeReferenceProfile(profile));
    console.log(
      `${model}: ${profile.rows} flights, ${profile.features.length} columns, failures ${JSON.stringify([...failures])}, reference ${profile.referenceId.slice(0, 12)}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
