/**
 * A worker of weir under the contract of the hand-written ones (contract.ts): everything that `weir run` does, drift included, with a
 * pipeline file and a model package of its own and predictions in the bytes that the contract wants. Runs until SIGTERM.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { runWorker } from '../../src/app/worker.ts';
import { loadPipelineFile } from '../../src/config/index.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { createLogger } from '../../src/ops/index.ts';
import { contractFrom } from './contract.ts';
import { writePipeline } from './pipeline-files.ts';
import { createJsonPredictions } from './json-predictions.ts';
import { createContractPredictions } from './predictions.ts';
import { startSchemaServer } from './schema-server.ts';

const contract = contractFrom(process.env);
const folder = mkdtempSync(join(tmpdir(), 'weir-peer-'));
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
const registry = await startSchemaServer();
try {
  const config = loadPipelineFile(await writePipeline(contract, folder, registry.url), process.env);
  await applyPipelineTopics(config, { dryRun: false, logger: silentLogger });
  const logger = createLogger({ level: config.ops.logLevel, name: config.name });
  await runWorker(config, logger, stop.signal, {
    createPredictions: ({ model }) => (contract.workload === 'w1' ? createJsonPredictions() : createContractPredictions(model.version)),
  });
} finally {
  registry.close();
  rmSync(folder, { recursive: true });
}
