import { describe, expect, test } from 'vitest';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/avro/registry-client.ts';
import { ManualClock, systemClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { type StubAnswer, startHttpStub } from './http-stub.ts';

const UNKNOWN: StubAnswer = { status: 404, body: { error_code: 40403, message: 'Schema not found' } };
const LONG: StubAnswer = { status: 200, body: { schema: '"long"' } };

function client(url: string, more: Partial<RegistryClientOptions> = {}) {
  return createRegistryClient({ url, timeoutMs: 5_000, clock: systemClock, logger: silentLogger, ...more });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof WeirError ? error.code : `not a WeirError: ${String(error)}`;
}

describe('schemaById', () => {
  test('keeps the path of the base URL and needs nothing of the answer but the schema', async () => {
    const { origin, seen } = await startHttpStub(() => ({ ...(LONG as object), type: 'text/plain' }) as StubAnswer);
    const schema = await client(`${origin}/some/path/`).schemaById('7');
    expect(seen.map((r) => `${r.method} ${r.path}`)).toEqual(['GET /some/path/schemas/ids/7']);
    expect(schema).toEqual({ kind: 'id', id: '7', schema: 'long', references: new Map() });
  });

  test('asks by GUID', async () => {
    const { origin, seen } = await startHttpStub(() => LONG);
    await client(origin).schemaById('00112233-4455-6677-8899-aabbccddeeff', 'guid');
    expect(seen[0]!.path).toBe('/schemas/guids/00112233-4455-6677-8899-aabbccddeeff');
  });

  test('asks once, whoever asks and how often', async () => {
    const { origin, seen } = await startHttpStub(() => LONG);
    const registry = client(origin);
    const [a, b] = await Promise.all([registry.schemaById('1'), registry.schemaById('1')]);
    expect(b).toBe(a);
    expect(await registry.schemaById('1')).toBe(a);
    expect(seen).toHaveLength(1);
  });

  test('is bounded: the schema used longest ago is asked for again', async () => {
    const { origin, seen } = await startHttpStub(() => LONG);
    const registry = client(origin, { capacity: 2 });
    for (const id of ['1', '2', '1', '3', '1', '2']) await registry.schemaById(id);
    expect(seen.map((r) => r.path.at(-1))).toEqual(['1', '2', '3', '2']);
  });

  test('resolves references depth first, each once, and gives those needed first', async () => {
    const named = (name: string, fields: string[]) =>
      JSON.stringify({ type: 'record', name, fields: fields.map((type) => ({ name: type, type })) });
    const bodies: Record<string, unknown> = {
      '/schemas/ids/1': {
        schema: named('Top', ['Left', 'Right']),
        schemaType: 'AVRO',
        references: [
          { name: 'Left', subject: 'left/x', version: 1 },
          { name: 'Right', subject: 'right', version: 2 },
        ],
      },
      '/subjects/left%2Fx/versions/1?deleted=true': {
        schema: named('Left', ['Base']),
        references: [{ name: 'Base', subject: 'base', version: 3 }],
      },
      '/subjects/right/versions/2?deleted=true': {
        schema: named('Right', ['Base']),
        references: [{ name: 'Base', subject: 'base', version: 3 }],
      },
      '/subjects/base/versions/3?deleted=true': { subject: 'base', version: 3, schema: named('Base', []) },
    };
    const { origin, seen } = await startHttpStub(({ path }) => (bodies[path] ? { status: 200, body: bodies[path] } : UNKNOWN));
    const { references } = await client(origin).schemaById('1');
    expect([...references.keys()]).toEqual(['Base', 'Left', 'Right']);
    expect(references.get('Base')).toEqual({ type: 'record', name: 'Base', fields: [] });
    expect(seen.map((r) => r.path)).toEqual([...new Set(seen.map((r) => r.path))]);
  });

  test('survives references that go round in a circle', async () => {
    const body = { schema: '"long"', references: [{ name: 'Again', subject: 'again', version: 1 }] };
    const { origin, seen } = await startHttpStub(() => ({ status: 200, body }));
    const { references } = await client(origin).schemaById('1');
    expect([...references.keys()]).toEqual(['Again']);
    expect(seen).toHaveLength(2);
  });

  test('a reference that the registry lacks makes the schema unknown', async () => {
    const body = { schema: '"long"', references: [{ name: 'Gone', subject: 'gone', version: 1 }] };
    const { origin } = await startHttpStub(({ path }) =>
      path.includes('subjects') ? { status: 404, body: { error_code: 40401, message: 'Subject not found' } } : { status: 200, body },
    );
    await expect(client(origin).schemaById('1')).rejects.toMatchObject({
      code: 'schema_unknown',
      message: expect.stringContaining('gone'),
    });
  });

  test('uses the API of Apicurio beside the configured path for its own ids', async () => {
    const bodies: Record<string, unknown> = {
      '/base/apis/registry/v3/ids/globalIds/5': { type: 'record', name: 'Top', fields: [{ name: 'f', type: 'a.Inner' }] },
      '/base/apis/registry/v3/ids/globalIds/5/references': [{ groupId: null, artifactId: 'in ner', version: '2', name: 'a.Inner' }],
      '/base/apis/registry/v3/groups/default/artifacts/in%20ner/versions/2/content': { type: 'fixed', name: 'a.Inner', size: 2 },
      '/base/apis/registry/v3/groups/default/artifacts/in%20ner/versions/2/references': [],
    };
    const { origin } = await startHttpStub(({ path }) => ({ status: bodies[path] ? 200 : 500, body: bodies[path] }));
    const { schema, references } = await client(`${origin}/base/apis/ccompat/v7`).schemaById('5', 'globalId');
    expect(schema).toEqual(bodies['/base/apis/registry/v3/ids/globalIds/5']);
    expect(references).toEqual(new Map([['a.Inner', { type: 'fixed', name: 'a.Inner', size: 2 }]]));
  });

  test('a schema of another type or that is no JSON is incompatible, not fatal', async () => {
    const proto = await startHttpStub(() => ({ status: 200, body: { schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' } }));
    await expect(client(proto.origin).schemaById('1')).rejects.toMatchObject({
      code: 'schema_incompatible',
      message: expect.stringContaining('PROTOBUF'),
    });
    const broken = await startHttpStub(() => ({ status: 200, body: { schema: '{"type":' } }));
    expect(await codeOf(client(broken.origin).schemaById('1'))).toBe('schema_incompatible');
  });
});

test('content of Apicurio that is not JSON is another kind of schema, a page that is not JSON another server', async () => {
  const proto = await startHttpStub(({ path }) => ({ status: 200, body: path.endsWith('/references') ? [] : 'syntax = "proto3";' }));
  expect(await codeOf(client(proto.origin).schemaById('1', 'globalId'))).toBe('schema_incompatible');
  const page = await startHttpStub(() => ({ status: 200, body: '<h1>hello</h1>', type: 'text/html' }));
  expect(await codeOf(client(page.origin).schemaById('1', 'globalId'))).toBe('config_invalid');
});

test('negative ids are unknown without a question', async () => {
  const { origin, seen } = await startHttpStub(() => ({ status: 400 }));
  for (const kind of ['id', 'globalId', 'contentId'] as const)
    expect(await codeOf(client(origin).schemaById('-5', kind))).toBe('schema_unknown');
  expect(seen).toEqual([]);
});

describe('failures', () => {
  const cases: [string, StubAnswer, string][] = [
    ['404 with 40403', UNKNOWN, 'schema_unknown'],
    ['404 with 40403 as text', { status: 404, body: { error_code: '40403' } }, 'schema_unknown'],
    ['404 without an error code', { status: 404, body: { message: 'HTTP 404 Not Found' } }, 'config_invalid'],
    ['404 with the error code 404', { status: 404, body: { error_code: 404, message: 'HTTP 404 Not Found' } }, 'config_invalid'],
    ['404 in HTML', { status: 404, body: '<h1>nope</h1>', type: 'text/html' }, 'config_invalid'],
    ['200 in HTML', { status: 200, body: '<h1>hello</h1>', type: 'text/html' }, 'config_invalid'],
    ['200 without a schema', { status: 200, body: { hello: 1 } }, 'config_invalid'],
    ['400', { status: 400, body: 'bad' }, 'config_invalid'],
    ['401', { status: 401, body: '' }, 'not_authorized'],
    ['403', { status: 403, body: { error_code: 40301 } }, 'not_authorized'],
    ['429', { status: 429 }, 'registry_unavailable'],
    ['500 that is not JSON', { status: 500, body: 'oops' }, 'registry_unavailable'],
    ['503', { status: 503, body: { error_code: 50301 } }, 'registry_unavailable'],
    ['a closed connection', (response) => void response.destroy(), 'registry_unavailable'],
    [
      'an answer cut off in the middle',
      (response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"schema":', () => response.destroy());
      },
      'registry_unavailable',
    ],
  ];
  test.each(cases)('%s', async (_, answer, code) => {
    const { origin } = await startHttpStub(() => answer);
    expect(await codeOf(client(origin).schemaById('1'))).toBe(code);
  });

  test('nobody listens', async () => {
    const { origin } = await startHttpStub(() => LONG);
    const port = Number(new URL(origin).port);
    // Port 1 is reserved and nothing listens on it.
    expect(await codeOf(client(origin.replace(String(port), '1')).schemaById('1'))).toBe('registry_unavailable');
  });

  test('a registry that never answers is given up after timeoutMs of the clock', async () => {
    const clock = new ManualClock();
    let onRequest = (): void => {};
    const arrived = new Promise<void>((resolve) => (onRequest = resolve));
    const { origin } = await startHttpStub(() => (onRequest(), 'hang'));
    const promise = codeOf(client(origin, { clock, timeoutMs: 300 }).schemaById('1'));
    await arrived;
    clock.advance(300);
    expect(await promise).toBe('registry_unavailable');
  });

  test('an answer without end is refused', async () => {
    const { origin } = await startHttpStub(() => (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20, 0x20)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect(await codeOf(client(origin).schemaById('1'))).toBe('registry_unavailable');
  });

  test('"unknown" is believed for seconds, "unavailable" not at all', async () => {
    let answer: StubAnswer = UNKNOWN;
    const { origin, seen } = await startHttpStub(() => answer);
    const clock = new ManualClock();
    const registry = client(origin, { clock, negativeTtlMs: 5_000 });
    expect(await codeOf(registry.schemaById('1'))).toBe('schema_unknown');
    clock.advance(4_999);
    expect(await codeOf(registry.schemaById('1'))).toBe('schema_unknown');
    expect(seen).toHaveLength(1);
    answer = { status: 503 };
    clock.advance(1);
    expect(await codeOf(registry.schemaById('1'))).toBe('registry_unavailable');
    answer = LONG;
    expect((await registry.schemaById('1')).schema).toBe('long');
    expect(seen).toHaveLength(3);
  });

  test('messages name the path and never the credentials', async () => {
    const { origin } = await startHttpStub(() => ({ status: 500, body: { message: 'database is down' } }));
    const registry = client(origin.replace('//', '//someone:secret-word@'));
    await expect(registry.schemaById('12')).rejects.toMatchObject({
      message: 'Schema registry: GET /schemas/ids/12 → 500 "database is down".',
    });
  });

  test.each(['not a url', 'ftp://x'])('the URL %s is refused at once', (url) => {
    expect(() => client(url)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});

describe('basic authentication', () => {
  test('from options', async () => {
    const { origin, seen } = await startHttpStub(() => LONG);
    await client(origin, { username: 'ann', password: 'päss' }).schemaById('1');
    expect(seen[0]!.headers.authorization).toBe(`Basic ${Buffer.from('ann:päss').toString('base64')}`);
  });

  test('from the URL, percent-encoded', async () => {
    const { origin, seen } = await startHttpStub(() => LONG);
    await client(origin.replace('//', '//ann:p%40ss@')).schemaById('1');
    expect(seen[0]!.headers.authorization).toBe(`Basic ${Buffer.from('ann:p@ss').toString('base64')}`);
  });

  test('none without credentials', async () => {
    const { origin, seen } = await startHttpStub(() => LONG);
    await client(origin).schemaById('1');
    expect(seen[0]!.headers.authorization).toBeUndefined();
  });
});

describe('register', () => {
  test('looks the schema up and writes only when it is not there', async () => {
    let isThere = false;
    const { origin, seen } = await startHttpStub(({ path }) => {
      if (path.endsWith('/versions')) isThere = true;
      return isThere ? { status: 200, body: { id: 42 } } : { status: 404, body: { error_code: 40401 } };
    });
    const registry = client(origin);
    expect(await registry.register('a/b-value', { type: 'long' })).toEqual({ id: 42 });
    expect(await registry.register('a/b-value', { type: 'long' })).toEqual({ id: 42 });
    expect(seen.map((r) => r.path)).toEqual(['/subjects/a%2Fb-value', '/subjects/a%2Fb-value/versions', '/subjects/a%2Fb-value']);
    expect(JSON.parse(seen[1]!.body)).toEqual({ schema: '{"type":"long"}' });
  });

  test('a refused schema is schema_invalid and the message says why', async () => {
    const { origin } = await startHttpStub(({ path }) =>
      path.endsWith('/versions')
        ? { status: 409, body: { error_code: 409, message: 'incompatible with an earlier schema' } }
        : { status: 404, body: { error_code: 40403 } },
    );
    await expect(client(origin).register('s', 'long')).rejects.toMatchObject({
      code: 'schema_invalid',
      message: expect.stringContaining('incompatible with an earlier schema'),
    });
  });

  test('an answer without a usable id is config_invalid', async () => {
    for (const body of [{}, { id: -1 }, { id: 2 ** 31 }, { id: 'x' }, []]) {
      const { origin } = await startHttpStub(() => ({ status: 200, body }));
      expect(await codeOf(client(origin).register('s', 'long'))).toBe('config_invalid');
    }
  });
});
