import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { freePorts, type LocalService, runKafkaTool, startKafka } from '../../src/dev/index.ts';
import { guardChild } from '../../src/dev/process.ts';
import { flightsPipeline, publish, readPredictions, someFlights, startWorker, type WorkerProcess } from '../support/flights.ts';
import { eventually } from '../support/kafka.ts';
import { uniqueName } from '../support/services.ts';

const run = promisify(execFile);
const [USER, PASSWORD, STORE_PASSWORD] = ['scorer', 'a password = of, odd; characters', 'store-password'];
/** kafkajs tries an untrusted connection for 10 s before it gives up. */
const VERDICT_MS = 45_000;

const folder = mkdtempSync(join(tmpdir(), 'weir-secure-'));
let broker: LocalService;
let securePort: number;
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await broker?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A key with a certificate that nobody but its owner has signed, for Kafka as a key store and for clients as PEM. */
async function makeCertificate(name: string): Promise<{ keyStore: string; pem: string }> {
  const [keyStore, pem] = [join(folder, `${name}.p12`), join(folder, `${name}.pem`)];
  const store = ['-alias', name, '-keystore', keyStore, '-storetype', 'PKCS12', '-storepass', STORE_PASSWORD];
  await run('keytool', [
    ...['-genkeypair', '-keyalg', 'EC', '-validity', '2', '-dname', `CN=${name}`, '-ext', 'SAN=ip:127.0.0.1,dns:localhost'],
    ...store,
  ]);
  await run('keytool', ['-exportcert', '-rfc', '-file', pem, ...store]);
  return { keyStore, pem };
}

beforeAll(async () => {
  const [{ keyStore }] = await Promise.all([makeCertificate('broker'), makeCertificate('stranger')]);
  [securePort] = (await freePorts(1)) as [number];
  const jaas = (module: string, options = ''): string => `org.apache.kafka.common.security.${module} required${options};`;
  const listener = 'listener.name.secure';
  broker = await startKafka({
    listeners: [{ name: 'SECURE', port: securePort, protocol: 'SASL_SSL' }],
    extraProperties: {
      [`${listener}.ssl.keystore.location`]: keyStore,
      [`${listener}.ssl.keystore.password`]: STORE_PASSWORD,
      [`${listener}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-512',
      [`${listener}.plain.sasl.jaas.config`]: jaas('plain.PlainLoginModule', ` user_${USER}="${PASSWORD}"`),
      [`${listener}.scram-sha-512.sasl.jaas.config`]: jaas('scram.ScramLoginModule'),
    },
  });
  await runKafkaTool('kafka.admin.ConfigCommand', [
    ...['--bootstrap-server', broker.endpoint, '--alter', '--entity-type', 'users', '--entity-name', USER],
    ...['--add-config', `SCRAM-SHA-512=[password=${PASSWORD}]`],
  ]);
});

/** How a worker comes to the broker. */
interface Access {
  readonly mechanism: 'plain' | 'scram-sha-512';
  /** Whose certificate it trusts; undefined: those of the system. */
  readonly trusted?: 'broker' | 'stranger';
}

/** The flights pipeline as somebody would write it for such a broker: the password comes from the environment. */
function secureFile({ mechanism, trusted }: Access): string {
  const file = join(folder, `${uniqueName('weir')}.yaml`);
  const ssl = trusted === undefined ? 'ssl: true' : `ssl: {caFile: ${trusted}.pem}`;
  const text = readFileSync(examplePath('weir.yaml'), 'utf8')
    .replaceAll('schema: schemas/', `schema: ${examplePath('schemas/')}`)
    .replace('package: "models/', `package: "${examplePath('models/')}`)
    .replace(
      /\n {2}brokers: .*/,
      `\n  brokers: 127.0.0.1:${securePort}\n  ${ssl}\n  sasl: {mechanism: ${mechanism}, username: ${USER}, password: "\${KAFKA_PASSWORD}"}`,
    );
  writeFileSync(file, text);
  return file;
}

/** A pipeline whose topics the test itself reaches in plain text, so that only what the worker does depends on its access. */
const pipelineWith = (password: string): ReturnType<typeof flightsPipeline> =>
  flightsPipeline({ KAFKA_BROKERS: broker.endpoint, FLIGHTS_DELIVERY: 'exactly-once', KAFKA_PASSWORD: password }, 2);

/** Runs a command of weir to its end. @throws when it does not end */
async function weir(env: NodeJS.ProcessEnv, ...args: string[]): Promise<{ code: number | null; log: string }> {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  guardChild(child);
  running.push(child);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => void (log += chunk));
  await eventually(() => child.exitCode !== null, VERDICT_MS).catch((cause: unknown) => {
    throw new Error(`weir ${args[0]} goes on:\n${log}`, { cause });
  });
  return { code: child.exitCode, log };
}

describe('weir run with TLS and SASL', { timeout: 120_000 }, () => {
  it.each(['plain', 'scram-sha-512'] as const)('scores exactly once, authenticated by %s', async (mechanism) => {
    const pipeline = await pipelineWith(PASSWORD);
    const count = await publish(pipeline, someFlights(500, 109));
    const worker: WorkerProcess = await startWorker(pipeline, secureFile({ mechanism, trusted: 'broker' }));
    running.push(worker.child);
    await eventually(async () => (await readPredictions(pipeline)).length >= count, 60_000);
    await worker.drain();
    const ids = (await readPredictions(pipeline)).map((p) => p.predictionId);
    expect([ids.length, new Set(ids).size]).toEqual([count, count]);
    expect(worker.log()).not.toContain(PASSWORD);
  });

  it.each(['plain', 'scram-sha-512'] as const)('ends at once when the password is wrong, and says so, by %s', async (mechanism) => {
    const { env } = await pipelineWith('wrong-password');
    const { code, log } = await weir(env, 'run', '--config', secureFile({ mechanism, trusted: 'broker' }));
    expect(log).toContain('not_authorized');
    expect(log).toContain('Check user, password and ACLs.');
    expect([code, log.includes('wrong-password')]).toEqual([1, false]);
  });

  it.each([undefined, 'stranger'] as const)(
    'ends when the certificate of the broker is not trusted, and says what to trust (%s)',
    async (trusted) => {
      const { env } = await pipelineWith(PASSWORD);
      const { code, log } = await weir(env, 'run', '--config', secureFile({ mechanism: 'plain', ...(trusted && { trusted }) }));
      expect(log).toMatch(/config_invalid[^]*self-signed certificate[^]*Set kafka\.ssl\.caFile/);
      expect(code).toBe(2);
    },
  );
});
