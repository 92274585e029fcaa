import avro from 'avsc';
import { describe, expect, test } from 'vitest';
import { type AvroCodecOptions, createAvroCodec } from '../../src/avro/codec.ts';
import type { InputFormat } from '../../src/avro/framing.ts';
import { createOutputFraming } from '../../src/avro/output-framing.ts';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import { createPredictionEncoder } from '../../src/avro/prediction-encoder.ts';
import { createRegistryClient } from '../../src/avro/registry-client.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createRowLayout } from '../../src/core/layout.ts';
import { FramedOutputRecords } from '../../src/core/framed-outputs.ts';
import { Rows, Scores } from '../../src/core/rows.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { recordBatch, type TestRecord } from '../support/records.ts';
import { services, uniqueName } from '../support/services.ts';

// Against Apicurio Registry by both of its APIs: the Confluent-compatible one and its own.

const clientAt = (url: string) => createRegistryClient({ url, timeoutMs: 20_000, clock: systemClock, logger: silentLogger });
const client = () => clientAt(services().registryUrl);

/** A request that the client under test does not make itself. */
async function ask(method: string, url: string, body?: object): Promise<Record<string, unknown>> {
  const init = body ? { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : { method };
  const response = await fetch(url, init);
  const text = await response.text();
  expect(response.ok, `${method} ${url}: ${response.status} ${text}`).toBe(true);
  return JSON.parse(text) as Record<string, unknown>;
}

const layout = createRowLayout(
  [
    {
      name: 'x',
      kind: 'float',
      columns: [{ name: 'x', kind: 'float', binding: { from: 'event', path: ['place', 'x'] }, required: true, onInvalid: 'dead-letter' }],
    },
  ],
  { entities: new Map() },
);

/** Subjects of one event schema that refers to another, and the ids that the registry gave. */
async function registerEvent() {
  const namespace = uniqueName('weir').replaceAll('-', '_');
  const place = { type: 'record', name: 'Place', namespace, fields: [{ name: 'x', type: 'double' }] };
  const event = { type: 'record', name: 'Event', namespace, fields: [{ name: 'place', type: `${namespace}.Place` }] };
  const base = services().registryUrl;
  const [placeSubject, eventSubject] = [uniqueName('place-value'), uniqueName('event-value')];
  await ask('POST', `${base}/subjects/${placeSubject}/versions`, { schema: JSON.stringify(place) });
  const references = [{ name: `${namespace}.Place`, subject: placeSubject, version: 1 }];
  const { id } = await ask('POST', `${base}/subjects/${eventSubject}/versions`, { schema: JSON.stringify(event), references });
  const nativeVersion = `${new URL(base).origin}/apis/registry/v3/groups/default/artifacts/${eventSubject}/versions/1`;
  const { globalId, contentId } = await ask('GET', nativeVersion);
  const body = avro.Type.forSchema({ ...event, fields: [{ name: 'place', type: place }] } as avro.Schema).toBuffer({ place: { x: 2.5 } });
  return {
    event,
    place,
    placeName: `${namespace}.Place`,
    body,
    id: id as number,
    globalId: globalId as number,
    contentId: contentId as number,
  };
}

const int32 = (n: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(n);
  return bytes;
};
const int64 = (n: number): Buffer => Buffer.concat([int32(0), int32(n)]);
const ZERO = Buffer.of(0);

async function decode(format: InputFormat, record: TestRecord, more: Partial<AvroCodecOptions> = {}): Promise<Rows> {
  const codec = createAvroCodec({
    format,
    registry: client(),
    layout,
    tombstones: 'skip',
    clock: systemClock,
    logger: silentLogger,
    ...more,
  });
  const rows = new Rows(layout, 1);
  rows.reset([{ records: recordBatch([record]), from: 0, to: 1, fromRow: 0 }]);
  await codec.decode(rows);
  return rows;
}

describe('reading', () => {
  test('a schema with references comes whole from the Confluent API and from both ids of the native one', async () => {
    const { event, place, placeName, id, globalId, contentId } = await registerEvent();
    const registry = client();
    for (const found of [
      await registry.schemaById(String(id)),
      await registry.schemaById(String(globalId), 'globalId'),
      await registry.schemaById(String(contentId), 'contentId'),
    ]) {
      expect(found.schema).toEqual(event);
      expect(found.references).toEqual(new Map([[placeName, place]]));
    }
  });

  test('records of every registry format decode', async () => {
    const { body, id, globalId, contentId } = await registerEvent();
    const cases: [InputFormat, TestRecord, Partial<AvroCodecOptions>?][] = [
      ['confluent', { value: Buffer.concat([ZERO, int32(id), body]) }],
      ['confluent-header', { value: body, headers: [{ key: '__value_schema_id', value: Buffer.concat([ZERO, int32(id)]) }] }],
      ['apicurio', { value: Buffer.concat([ZERO, int64(globalId), body]) }],
      ['apicurio', { value: Buffer.concat([ZERO, int64(contentId), body]) }, { apicurioId: 'contentId' }],
      ['apicurio-header', { value: body, headers: [{ key: 'apicurio.value.globalId', value: int64(globalId) }] }],
      ['apicurio-header', { value: body, headers: [{ key: 'apicurio.value.contentId', value: int64(contentId) }] }],
    ];
    for (const [format, record, more] of cases) {
      const rows = await decode(format, record, more);
      expect([format, rows.codeOf(0), rows.floats[0]![0]]).toEqual([format, undefined, 2.5]);
    }
  });

  test('ids that the registry never gave are the fault of the record', async () => {
    const none = 0x7fff_fff0;
    const cases: [InputFormat, TestRecord][] = [
      ['confluent', { value: Buffer.concat([ZERO, int32(none)]) }],
      ['apicurio', { value: Buffer.concat([ZERO, int64(none)]) }],
      ['apicurio-header', { value: ZERO, headers: [{ key: 'apicurio.value.contentId', value: int64(none) }] }],
    ];
    for (const [format, record] of cases) {
      const rows = await decode(format, record);
      expect([format, rows.codeOf(0)]).toEqual([format, 'schema_unknown']);
      expect(rows.messageOf(0)).toContain(String(none));
    }
  });

  test('a wrong path of the URL is a mistake of the pipeline file, not of the records', async () => {
    const { origin } = new URL(services().registryUrl);
    for (const url of [origin, `${origin}/apis/ccompat`, `${origin}/apis/registry/v3`]) {
      await expect(clientAt(url).schemaById('1'), url).rejects.toMatchObject({ code: 'config_invalid' });
    }
    await expect(clientAt(`${origin}/nowhere`).schemaById('1', 'globalId')).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

describe('writing', () => {
  test('predictions are framed with an id under which the registry gives their schema back', async () => {
    const topic = uniqueName('predictions');
    const schema = readOwnSchema('prediction');
    const registry = client();
    const framing = await createOutputFraming('confluent', schema, topic, registry);
    expect(await createOutputFraming('confluent', schema, topic, client())).toEqual(framing);

    const rows = new Rows(layout, 1);
    rows.reset([{ records: recordBatch([{ key: 'N14228', value: 'v' }], { topic: 'in', partition: 2 }), from: 0, to: 1, fromRow: 0 }]);
    const scores = new Scores(1, { label: false, extras: [] });
    scores.score[0] = 0.75;
    const into = new FramedOutputRecords(topic);
    createPredictionEncoder({ layout, framing, model: { name: 'm', version: '1' } }).encodePredictions(rows, scores, 1, into);

    const value = Buffer.from(into.buffer.subarray(into.valueStart[0]!, into.valueStart[0]! + into.valueLength[0]!));
    const found = await registry.schemaById(String(value.readInt32BE(1)));
    const decoded: unknown = avro.Type.forSchema(found.schema as avro.Schema).fromBuffer(value.subarray(5));
    expect(decoded).toMatchObject({ predictionId: 'in-2-0', score: 0.75, entityKey: 'N14228', status: 'OK' });
  });

  test('a schema that is not compatible with its subject is refused with the reason', async () => {
    const subject = uniqueName('strict-value');
    const registry = client();
    const v1 = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] };
    await registry.register(subject, v1);
    await ask('PUT', `${services().registryUrl}/config/${subject}`, { compatibility: 'BACKWARD' });
    const v2 = { ...v1, fields: [...v1.fields, { name: 'b', type: 'string' }] };
    await expect(registry.register(subject, v2)).rejects.toMatchObject({
      code: 'schema_invalid',
      message: expect.stringContaining(subject),
    });
  });

  test('the schema of predictions may grow by a field with a default under BACKWARD_TRANSITIVE', async () => {
    const subject = uniqueName('grows-value');
    const registry = client();
    const schema = readOwnSchema('prediction') as { fields: object[] };
    const first = await registry.register(subject, schema);
    await ask('PUT', `${services().registryUrl}/config/${subject}`, { compatibility: 'BACKWARD_TRANSITIVE' });
    const later = { ...schema, fields: [...schema.fields, { name: 'later', type: ['null', 'string'], default: null }] };
    const second = await registry.register(subject, later);
    expect(second.id).not.toBe(first.id);
  });
});
