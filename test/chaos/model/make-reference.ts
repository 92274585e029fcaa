/**
 * Makes `1/reference.json` anew, as `weir profile build` does; needed only when the model, its columns or the format of profiles change.
 *
 *     node test/chaos/model/make-reference.ts
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import avsc from 'avsc';
import { buildProfile } from '../../../src/app/profile.ts';
import { writeReference } from '../../../src/app/reference-file.ts';
import { loadPipelineFile } from '../../../src/config/index.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { EVENT_SCHEMA, eventOf, MODEL_FOLDER } from '../events.ts';
import { pipelineFile } from '../pipeline.ts';
import { randomFrom } from '../random.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startFeatureStore } from '../services.ts';

/** Enough for a few dozen bins a column; the suite counts rows and does not judge drift. */
const EVENTS = 2_000;
const SEED = 1;

const folder = mkdtempSync(join(tmpdir(), 'weir-chaos-reference-'));
const cleanUps: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
const context: ScenarioContext = {
  ...{ delivery: 'at-least-once', seed: SEED, isQuick: true, folder, signal: new AbortController().signal },
  random: randomFrom(SEED),
  say: console.error,
  defer: (cleanUp) => void cleanUps.push(cleanUp),
};
try {
  const redis = await startFeatureStore(context);
  const events = join(folder, 'events.avro');
  const encoder = avsc.createFileEncoder(events, EVENT_SCHEMA as avsc.Schema);
  for (let sequence = 0; sequence < EVENTS; sequence++) encoder.write(eventOf(SEED, sequence));
  encoder.end();
  await finished(encoder);
  const file = join(folder, 'weir.yaml');
  writeFileSync(join(folder, 'event.avsc'), JSON.stringify(EVENT_SCHEMA));
  writeFileSync(file, JSON.stringify(pipelineFile(context, { brokers: '127.0.0.1:1', redis })));
  const config = loadPipelineFile(file, { WEIR_OPS_PORT: '9464', CHAOS_SLOT: '0' });
  const { profile } = await buildProfile({ config, file: events, logger: createLogger({ level: 'warn', name: 'reference' }) });
  await writeReference(join(MODEL_FOLDER, 'reference.json'), profile);
  console.log(`${profile.rows} rows, ${profile.features.length} columns`);
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
}
