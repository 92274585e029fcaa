import { type AvroSchema, parseAvroSchema } from '../avro/plan/index.ts';
import { createRegistryClient, type RegisteredSchema } from '../avro/registry-client.ts';
import { createRegistryHttp, field, type RegistryEndpoint, type RegistryHttp } from '../avro/registry-http.ts';
import type { PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import { readOwnSchema } from '../core/own-schemas.ts';
import type { Logger } from '../core/ports.ts';
import type { CheckStep } from './check.ts';

type Registry = Omit<RegistryEndpoint, 'clock'>;

/**
 * The latest writer schema of a topic, by default that of the input (TopicNameStrategy: subject `<topic>-value`), references resolved.
 * @throws WeirError `schema_unknown` without such a subject, or what the registry client throws
 */
export async function latestEventSchema(
  config: PipelineConfig,
  registry: Registry,
  logger: Logger,
  topic = config.input.topic,
): Promise<AvroSchema> {
  const { schema, references } = await latestRegistered(config, registry, logger, topic);
  return parseAvroSchema(schema, references);
}

/** The same before it is parsed. @throws WeirError as `latestEventSchema` */
export async function latestRegistered(
  config: PipelineConfig,
  registry: Registry,
  logger: Logger,
  topic = config.input.topic,
): Promise<RegisteredSchema> {
  const subject = `${topic}-value`;
  const id = await latestId(createRegistryHttp({ ...registry, clock: systemClock }), subject);
  if (id === undefined) throw new WeirError('schema_unknown', `The schema registry has no subject ${subject}.`);
  return await createRegistryClient({ ...registry, clock: systemClock, logger }).schemaById(id);
}

/** Our prediction schema against what consumers of the output topic have been reading. */
export async function checkPredictionSubject(config: PipelineConfig, registry: Registry, logger: Logger): Promise<CheckStep> {
  const subject = `${config.output.predictions.topic}-value`;
  const step = { title: 'prediction schema', detail: subject };
  if (config.output.predictions.format !== 'confluent') {
    return { ...step, detail: `format ${config.output.predictions.format}: nothing is registered`, findings: [] };
  }
  try {
    const http = createRegistryHttp({ ...registry, clock: systemClock });
    const id = await latestId(http, subject);
    if (id === undefined) return { ...step, detail: `${subject}: will be registered`, findings: [] };
    const url = `${http.base}/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest`;
    const answer = await http.request('POST', url, { schema: JSON.stringify(readOwnSchema('prediction')) });
    const isCompatible = field(answer.json, 'is_compatible');
    logger.debug({ subject, isCompatible }, 'asked for compatibility');
    if (isCompatible === true) return { ...step, findings: [] };
    const message = `the prediction schema of this version of weir is not compatible with the latest version of subject ${subject} (${answer.summary}); choose another topic, or change the compatibility level of the subject`;
    return { ...step, findings: [{ severity: 'error', message }] };
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    return { ...step, findings: [{ severity: 'error', message: thrown.message }] };
  }
}

/** Id of the latest version of a subject; undefined when there is no such subject. */
async function latestId(http: RegistryHttp, subject: string): Promise<string | undefined> {
  const answer = await http.request('GET', `${http.base}/subjects/${encodeURIComponent(subject)}/versions/latest`);
  if (answer.status === 404) return undefined;
  const id = field(answer.json, 'id');
  if (id === undefined || id === null)
    throw new WeirError('config_invalid', `${answer.summary}: the answer has no id; registry.url is not that of a schema registry.`);
  return String(id);
}
