import Fastify, { type FastifyInstance } from 'fastify';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';

/** What the probes report. Asked at each request, so it must be cheap. */
export interface Health {
  /** False: the process is broken and should be restarted. */
  live(): boolean;
  /** Reasons say what is being waited for; empty when ready. */
  ready(): { ready: boolean; reasons: string[] };
}

/** Something that can render itself in the Prometheus text format. */
export interface MetricsPage {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** A running ops server. */
export interface OpsServer {
  /** The port it listens on; the one asked for, or the free one chosen for port 0. */
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** What the ops server is made of. */
export interface OpsServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly metrics: MetricsPage;
  readonly health: Health;
  readonly logger: Logger;
}

/** The paths of the ops server and what they answer. */
export const OPS_PATHS = {
  '/livez': '200 while the process works, else 503',
  '/readyz': '200 when records are being scored, else 503 with the reasons',
  '/metrics': 'Prometheus text format',
} as const;

/**
 * Serves the probes and the metrics over HTTP.
 * @throws WeirError `config_invalid` when the address cannot be had
 */
export async function startOpsServer({ host, port, metrics, health, logger }: OpsServerOptions): Promise<OpsServer> {
  const app: FastifyInstance = Fastify({ logger: false, forceCloseConnections: true });

  app.get('/livez', (_request, reply) => {
    const isLive = health.live();
    return reply.code(isLive ? 200 : 503).send({ status: isLive ? 'live' : 'broken' });
  });
  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = health.ready();
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', reasons });
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));

  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send({ error: 'not_found', message: `There is no ${request.method} ${request.url.split('?')[0]} here.`, paths: OPS_PATHS }),
  );
  app.setErrorHandler((thrown, request, reply) => {
    // The reason goes to the log only: who asks for metrics need not see our inside.
    logger.warn({ error: thrown, path: request.url }, 'ops request failed');
    return reply.code(500).send({ error: 'internal', message: 'The request failed; the log of the worker says why.' });
  });

  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    const hint = code === 'EADDRINUSE' ? 'is in use; choose another ops.port, or 0 for any free one' : `cannot be used (${code})`;
    throw new WeirError('config_invalid', `ops: ${host}:${port} ${hint}.`, { cause });
  }
  const address = app.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  logger.info({ url }, 'ops server listens');
  return { port: bound, url, close: () => app.close() };
}
