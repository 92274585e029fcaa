import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runWorker } from '../../src/app/worker.ts';
import type { PipelineConfig } from '../../src/config/index.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { type FlightsPipeline, flightsPipeline, type Prediction, publish, readPredictions, someFlights } from '../support/flights.ts';
import { eventually } from '../support/kafka.ts';
import { services } from '../support/services.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

type Policy = PipelineConfig['features'][string]['onUnavailable'];

/** Features that only the store has. */
const STORED = ['seats', 'temp'];

let proxy: TcpProxy;
let stop: AbortController;
beforeEach(async () => {
  const redis = new URL(services().redisUrl);
  proxy = await startTcpProxy(redis.hostname, Number(redis.port || 6379));
  await proxy.cut();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await proxy.close();
});

/** Runs a worker whose Redis is not there, and keeps what it ends with. */
function startWithoutStore({ config }: FlightsPipeline, onUnavailable: Policy, user = ''): { ended: Promise<unknown> } {
  const direct = config.stores['main'] as Extract<PipelineConfig['stores'][string], { kind: 'redis' }>;
  const store = { ...direct, url: `redis://${user}127.0.0.1:${proxy.port}${new URL(direct.url!).pathname}` };
  const features = Object.fromEntries(Object.entries(config.features).map(([name, group]) => [name, { ...group, onUnavailable }]));
  const running = runWorker(
    { ...config, stores: { main: store }, features, drift: { ...config.drift, enabled: false } },
    silentLogger,
    stop.signal,
  );
  return { ended: running.then(() => undefined).catch((thrown: unknown) => thrown) };
}

const lacksAll = ({ status, degradedFeatures }: Prediction): boolean =>
  status === 'DEGRADED' && STORED.every((name) => degradedFeatures.includes(name));

describe('a worker that starts while its online store is away', { timeout: 120_000 }, () => {
  it('scores with defaults when the policy says so, and with features once the store is there', async () => {
    const pipeline = await flightsPipeline({}, 1);
    const before = await publish(pipeline, someFlights(40, 3));
    const { ended } = startWithoutStore(pipeline, 'default');
    await eventually(async () => (await readPredictions(pipeline)).length === before);
    expect((await readPredictions(pipeline)).every(lacksAll)).toBe(true);

    await proxy.restore();
    // Each look reads the whole topic, which takes seconds.
    let step = 0;
    await eventually(async () => {
      await publish(pipeline, someFlights(40, ++step));
      return (await readPredictions(pipeline)).some(({ status }) => status === 'OK');
    }, 80_000);
    stop.abort();
    expect(await ended).toBeUndefined();
  });

  it('ends with the first batch when the store, once there, refuses it', async () => {
    const pipeline = await flightsPipeline({}, 1);
    const before = await publish(pipeline, someFlights(10, 3));
    const { ended } = startWithoutStore(pipeline, 'default', 'nobody:wrong@');
    await eventually(async () => (await readPredictions(pipeline)).length === before);
    await proxy.restore();
    let isOver = false;
    void ended.then(() => (isOver = true));
    await eventually(async () => {
      if (!isOver) await publish(pipeline, someFlights(1, 7));
      return isOver;
    }, 80_000);
    expect(await ended).toMatchObject({ code: 'store_misconfigured' });
  });

  it('waits for the store when the policy is to pause, and scores nothing without it', async () => {
    const pipeline = await flightsPipeline({}, 1);
    await publish(pipeline, someFlights(10, 3));
    const { ended } = startWithoutStore(pipeline, 'pause');
    expect(await readPredictions(pipeline)).toEqual([]);
    await proxy.restore();
    await eventually(async () => (await readPredictions(pipeline)).length === 10);
    expect((await readPredictions(pipeline)).some(lacksAll)).toBe(false);
    stop.abort();
    expect(await ended).toBeUndefined();
  });
});
