/**
 * The two jobs around the workers of the flights example, in containers (the demo does them itself):
 *   load                      writes the feature groups into the online store, keyed by hour and day
 *   replay [--rate N] [--limit N]   publishes the departures of 2013 in event-time order, and the arrivals when the pipeline has labels
 * The pipeline file is WEIR_CONFIG.
 */
import { parseArgs } from 'node:util';
import { loadFeatures } from '../dist/examples/flights/load-features.js';
import { replay } from '../dist/examples/flights/replay.js';
import { loadPipelineFile } from '../dist/src/config/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rate: { type: 'string' }, limit: { type: 'string' }, help: { type: 'boolean' } },
});

/** Says how far it is, at most once a second. */
function progress(what) {
  let last = 0;
  return (count) => {
    const now = performance.now();
    if (now - last < 1000) return;
    last = now;
    console.error(`${count} ${what}`);
  };
}

function numberFrom(option) {
  const text = values[option];
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!(number > 0)) throw new Error(`--${option} must be a number above 0`);
  return number;
}

const jobs = {
  async load(config) {
    console.log(`${await loadFeatures(config, { mode: 'keyed', onProgress: progress('feature rows') })} feature rows loaded`);
  },
  async replay(config) {
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
    const told = progress('events');
    const limit = numberFrom('limit');
    const eventsPerSecond = numberFrom('rate');
    const { published, seconds } = await replay({
      brokers: config.kafka.brokers,
      topic: config.input.topic,
      ...(config.labels ? { labelsTopic: config.labels.topic } : {}),
      registryUrl: config.registry.url,
      signal: stop.signal,
      onProgress: (state) => told(state.published),
      ...(limit ? { limit } : {}),
      ...(eventsPerSecond ? { eventsPerSecond } : {}),
    });
    console.log(`${published} events published in ${seconds.toFixed(1)} s`);
  },
};

const job = jobs[positionals[0]];
if (job === undefined || values.help) {
  console.error('usage: load | replay [--rate EVENTS_PER_SECOND] [--limit EVENTS]');
  process.exitCode = values.help ? 0 : 2;
} else {
  await job(loadPipelineFile(process.env.WEIR_CONFIG ?? '/pipeline/weir.yaml', process.env));
}
