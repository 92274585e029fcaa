import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/silent.ts';
import { createMetrics } from '../../../src/ops/metrics.ts';
import { type Health, type MetricsPage, type OpsServer, startOpsServer } from '../../../src/ops/server.ts';

const servers: OpsServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const healthy: Health = { live: () => true, ready: () => ({ ready: true, reasons: [] }) };

async function start(options: { health?: Health; metrics?: MetricsPage; port?: number } = {}): Promise<OpsServer> {
  const { health = healthy, metrics = createMetrics({ model: { name: 'm', version: '1' } }), port = 0 } = options;
  const server = await startOpsServer({ host: '127.0.0.1', port, metrics, health, logger: silentLogger });
  servers.push(server);
  return server;
}

describe('ops server', () => {
  it('listens on a free port and says which', async () => {
    const server = await start();
    expect(server.port).toBeGreaterThan(0);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });

  it('reports health as it is at the time of asking', async () => {
    const state = { live: true, ready: { ready: false, reasons: ['no partitions assigned'] } };
    const { url } = await start({ health: { live: () => state.live, ready: () => state.ready } });
    const waiting = await fetch(`${url}/readyz`);
    expect([waiting.status, await waiting.json()]).toEqual([503, { status: 'not ready', reasons: ['no partitions assigned'] }]);
    state.ready = { ready: true, reasons: [] };
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', reasons: [] }]);
    state.live = false;
    const broken = await fetch(`${url}/livez`);
    expect([broken.status, await broken.json()]).toEqual([503, { status: 'broken' }]);
  });

  it('serves metrics in the Prometheus text format', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('# TYPE predictions_total counter');
  });

  it('says where to look instead', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/health?secret=1`);
    expect(response.status).toBe(404);
    const body = (await response.json()) as { message: string; paths: object };
    expect(body.message).toBe('There is no GET /health here.');
    expect(Object.keys(body.paths)).toEqual(['/livez', '/readyz', '/metrics']);
  });

  it('keeps the reason of a failure to itself', async () => {
    const metrics: MetricsPage = {
      contentType: 'text/plain',
      metrics: () => Promise.reject(new Error('redis://user:hunter2@host')),
    };
    const { url } = await start({ metrics });
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
  });

  it('refuses a port that is taken, with what to do', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({
      code: 'config_invalid',
      message: `ops: 127.0.0.1:${port} is in use; choose another ops.port, or 0 for any free one.`,
    });
  });

  it('lets its port go on close', async () => {
    const server = await start();
    await fetch(`${server.url}/livez`);
    await server.close();
    expect((await start({ port: server.port })).port).toBe(server.port);
  });
});
