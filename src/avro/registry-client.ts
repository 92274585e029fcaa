import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import { createRegistryHttp, field, type RegistryAnswer, type RegistryEndpoint, type RegistryHttp } from './registry-http.ts';
import { SingleFlightCache } from './single-flight-cache.ts';

/**
 * What a schema is asked for by: Confluent's numeric id or GUID, or Apicurio's own global id or content id.
 * Apicurio's Confluent-compatible API hands out content ids as ids.
 */
export type SchemaIdKind = 'id' | 'guid' | 'globalId' | 'contentId';

/** A schema as a registry holds it, with all it refers to. */
export interface RegisteredSchema {
  readonly kind: SchemaIdKind;
  readonly id: string;
  /** A subject of the schema where the registry tells one; for messages. */
  readonly subject?: string;
  /** The parsed schema. */
  readonly schema: unknown;
  /** Parsed schemas that it refers to, by the name under which they are referred to, each after those it needs itself. */
  readonly references: ReadonlyMap<string, unknown>;
}

/** A client of a schema registry: Confluent, Karapace or Redpanda, or Apicurio by either of its APIs. */
export interface RegistryClient {
  /**
   * A schema by id, with its references resolved depth first. Cached for ever (bounded); concurrent calls share a request.
   * @throws WeirError `schema_unknown` (the registry does not have the id: the record's fault; remembered for seconds),
   *   `schema_incompatible` (it is no Avro schema), `registry_unavailable` (retriable), `not_authorized` or `config_invalid`
   */
  schemaById(id: string, kind?: SchemaIdKind): Promise<RegisteredSchema>;
  /**
   * Registers a schema under a subject, or finds it there; idempotent. A schema that is there already is only looked up,
   * so a user without write access can run what somebody else has set up.
   * @throws WeirError `schema_invalid` (refused: not valid or not compatible with the subject) or as `schemaById`
   */
  register(subject: string, schemaJson: unknown): Promise<{ readonly id: number }>;
}

/** Options of `createRegistryClient`. */
export interface RegistryClientOptions extends RegistryEndpoint {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long "no such schema" is believed. Default 5,000. */
  readonly negativeTtlMs?: number;
  /** Schemas kept. Default 1,000. */
  readonly capacity?: number;
}

/** Reference chains longer than this are taken for malice or a loop. */
const MAX_REFERENCES = 1_000;

/** Error codes of Confluent's API that mean: the registry is there, the schema, subject or version is not (40401 to 40407 today). */
function isNotFound({ status, errorCode }: RegistryAnswer): boolean {
  return status === 404 && errorCode > 40400 && errorCode < 40500;
}

/** Text of a schema and what it refers to, as fetched. */
interface RawSchema {
  readonly text: string;
  readonly references: readonly Reference[];
  readonly subject?: string;
}

interface Reference {
  readonly name: string;
  /** Unique address: what loads it and what tells it from others. */
  readonly key: string;
  readonly load: () => Promise<RawSchema>;
}

/**
 * Creates a registry client. Nothing is contacted before the first call.
 * @throws WeirError `config_invalid` when the URL cannot be one
 */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { clock, logger, negativeTtlMs = 5_000, capacity = 1_000 } = options;
  const http = createRegistryHttp(options);
  const bounds = {
    capacity,
    negativeTtlMs,
    clock,
    isLasting: (error: unknown) => error instanceof WeirError && error.code === 'schema_unknown',
  };
  const schemas = new SingleFlightCache<RegisteredSchema>(bounds);
  const referred = new SingleFlightCache<RawSchema>(bounds);

  const resolve = async (kind: SchemaIdKind, id: string): Promise<RegisteredSchema> => {
    const startedMs = clock.monotonicMs();
    const name = `${kind} ${id}`;
    const raw = await (kind === 'id' || kind === 'guid' ? fetchConfluent(http, kind, id) : fetchApicurio(http, kind, id));
    const references = new Map<string, unknown>();
    const seen = new Set<string>();
    const visit = async (schema: RawSchema): Promise<void> => {
      for (const reference of schema.references) {
        if (seen.has(reference.key)) continue;
        seen.add(reference.key);
        if (seen.size > MAX_REFERENCES) {
          throw new WeirError('schema_incompatible', `Schema ${name} has more than ${MAX_REFERENCES} references.`);
        }
        const found = await referred.get(reference.key, reference.load);
        await visit(found);
        // Two subjects may file their types under one name; the parser finds types under any key.
        const key = references.has(reference.name) ? reference.key : reference.name;
        references.set(key, parseSchemaText(found.text, `${reference.name}, which schema ${name} refers to,`));
      }
    };
    await visit(raw);
    const schema = parseSchemaText(raw.text, name);
    const { subject } = raw;
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    logger.debug({ schemaIdKind: kind, schemaId: id, references: references.size, durationMs }, 'fetched a writer schema');
    return { kind, id, schema, references, ...(subject === undefined ? {} : { subject }) };
  };

  return {
    async schemaById(id, kind = 'id') {
      // No registry gives negative ids, and how one answers when asked for them is anybody's guess.
      if (id.startsWith('-')) throw new WeirError('schema_unknown', `Schema ${kind} ${id} is negative, which no registry gives.`);
      return schemas.get(`${kind}:${id}`, () => resolve(kind, id));
    },
    async register(subject, schemaJson) {
      const url = `${http.base}/subjects/${encodeURIComponent(subject)}`;
      const body = { schema: JSON.stringify(schemaJson) };
      const found = await http.request('POST', url, body);
      if (isOk(found)) return { id: idOf(found) };
      if (found.status === 404 && !isNotFound(found)) throw wrongUrl(found);
      const made = await http.request('POST', `${url}/versions`, body);
      if (isOk(made)) return { id: idOf(made) };
      if (made.status === 404) throw wrongUrl(made);
      throw new WeirError('schema_invalid', `The schema registry refuses the schema for subject ${subject}: ${made.summary}.`);
    },
  };
}

async function fetchConfluent(http: RegistryHttp, kind: 'id' | 'guid', id: string): Promise<RawSchema> {
  const url = `${http.base}/schemas/${kind === 'id' ? 'ids' : 'guids'}/${encodeURIComponent(id)}`;
  return confluentSchema(http, await http.request('GET', url), `Schema ${kind} ${id}`);
}

/** Reads `{schema, schemaType?, references?}`; of these only `schema` must be there. */
function confluentSchema(http: RegistryHttp, answer: RegistryAnswer, what: string): RawSchema {
  if (isNotFound(answer)) throw unknownSchema(what, answer);
  if (!isOk(answer)) throw wrongUrl(answer);
  const text = field(answer.json, 'schema');
  if (typeof text !== 'string') throw wrongUrl(answer);
  const type = field(answer.json, 'schemaType') ?? 'AVRO';
  if (type !== 'AVRO') throw new WeirError('schema_incompatible', `${what} is of type ${String(type)}; weir reads Avro.`);
  const subject = field(answer.json, 'subject');
  const references = listOf(field(answer.json, 'references')).map((entry): Reference => {
    const name = String(field(entry, 'name'));
    const subject = String(field(entry, 'subject'));
    const version = String(field(entry, 'version'));
    // Schemas stay readable after a soft delete, and so must what they refer to, as in Confluent's own serde.
    const url = `${http.base}/subjects/${encodeURIComponent(subject)}/versions/${encodeURIComponent(version)}?deleted=true`;
    const load = async (): Promise<RawSchema> =>
      confluentSchema(http, await http.request('GET', url), `Schema ${name} (subject ${subject} version ${version})`);
    return { name, key: url, load };
  });
  return { text, references, ...(typeof subject === 'string' ? { subject } : {}) };
}

/** Apicurio's own API, version 3: the content is the body itself and references are asked for apart. */
async function fetchApicurio(http: RegistryHttp, kind: 'globalId' | 'contentId', id: string): Promise<RawSchema> {
  const url = `${http.nativeBase}/ids/${kind === 'globalId' ? 'globalIds' : 'contentIds'}/${encodeURIComponent(id)}`;
  return apicurioSchema(http, url, url, `Schema ${kind} ${id}`);
}

async function apicurioSchema(http: RegistryHttp, contentUrl: string, artifactUrl: string, what: string): Promise<RawSchema> {
  const content = await http.request('GET', contentUrl);
  // Its errors are problem details whose `name` is the exception: ContentNotFoundException, VersionNotFoundException and so
  // on for what the registry lacks, and a bare NotFoundException for a path that it does not know.
  if (content.status === 404 && /[a-z]NotFoundException$/.test(String(field(content.json, 'name')))) throw unknownSchema(what, content);
  if (!isOk(content)) throw wrongUrl(content);
  const listed = await http.request('GET', `${artifactUrl}/references`);
  if (!isOk(listed) || !Array.isArray(listed.json)) throw wrongUrl(listed);
  if (content.json === undefined) throw new WeirError('schema_incompatible', `${what} is not JSON, so not Avro.`);
  const references = listOf(listed.json).map((entry): Reference => {
    const name = String(field(entry, 'name'));
    const group = encodeURIComponent(String(field(entry, 'groupId') ?? 'default'));
    const artifact = encodeURIComponent(String(field(entry, 'artifactId')));
    const version = encodeURIComponent(String(field(entry, 'version')));
    const url = `${http.nativeBase}/groups/${group}/artifacts/${artifact}/versions/${version}`;
    return { name, key: url, load: () => apicurioSchema(http, `${url}/content`, url, `Schema ${name}`) };
  });
  return { text: JSON.stringify(content.json), references };
}

function parseSchemaText(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Avro's canonical texts are JSON, but a bare name such as `long` is accepted by Confluent's registry.
    if (/^[A-Za-z_][\w.]*$/.test(text.trim())) return text.trim();
    throw new WeirError('schema_incompatible', `Schema ${what} is not JSON.`);
  }
}

function isOk(answer: RegistryAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function idOf(answer: RegistryAnswer): number {
  const id = Number(field(answer.json, 'id') ?? Number.NaN);
  if (!Number.isInteger(id) || id < 0 || id > 0x7fff_ffff) throw wrongUrl(answer);
  return id;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function unknownSchema(what: string, answer: RegistryAnswer): WeirError {
  return new WeirError('schema_unknown', `${what} is not in the schema registry: ${answer.summary}.`);
}

function wrongUrl(answer: RegistryAnswer): WeirError {
  return new WeirError(
    'config_invalid',
    `The answer is not one of a schema registry: ${answer.summary}. Check registry.url; its path must be kept (as in /apis/ccompat/v7), and input.format must suit the registry (GUIDs need Confluent Platform 8, 8-byte ids need Apicurio).`,
  );
}
