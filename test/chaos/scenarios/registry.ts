/** Faults of the schema registry. */
import avsc from 'avsc';
import { startRegistry } from '../../../src/dev/index.ts';
import { encodeEvent, EVENT_SCHEMA, keyOf } from '../events.ts';
import { TOPICS } from '../pipeline.ts';
import { startRegistryProxy } from '../registry-proxy.ts';
import { pause, type Scenario } from '../scenario.ts';
import { startBroker, startFeatureStore } from '../services.ts';
import { setPipeline, settle } from '../stage.ts';

/** A schema that nobody has seen yet stands still for at least this long while the registry is away. */
const WAIT_MS = 4_000;

const FRAMING_BYTES = 5;

/** Down at the start, down later, failing. */
export const registryOutage: Scenario = {
  name: 'registry-outage',
  faults: 'schema registry down at the start, down later, answering 500',
  holds: 'schemas that are known flow on, unknown ones wait, nothing becomes a dead letter',
  deliveries: ['exactly-once'],
  async run(context) {
    const { seed, signal, say } = context;
    const [broker, redis, registry] = await Promise.all([startBroker(context), startFeatureStore(context), startRegistry()]);
    context.defer(() => registry.stop());
    const proxy = await startRegistryProxy(registry.endpoint);
    context.defer(() => proxy.close());
    const versions = await Promise.all([0, 1, 2].map((added) => register(registry.endpoint, added)));
    let version = 0;
    const stage = await setPipeline(
      context,
      {
        ...{ brokers: broker.endpoint, redis, partitions: 4 },
        sections: { registry: { url: proxy.url }, input: { topic: TOPICS.input, format: 'confluent' } },
      },
      {
        load: {
          message: (sequence) => ({
            key: `k${keyOf(seed, sequence)}`,
            value: Buffer.concat([versions[version]!.prefix, encodeEvent(seed, sequence), versions[version]!.suffix]),
          }),
        },
      },
    );
    const { fleet, load, pipeline } = stage;
    const problems: string[] = [];
    const stands = async (what: string): Promise<void> => {
      await pause(WAIT_MS, signal);
      if ((await pipeline.lag()) === 0) problems.push(`${what}: records of an unknown schema did not wait`);
    };
    const flows = async (what: string): Promise<void> => {
      await pipeline.drained(20_000).catch((error: unknown) => problems.push(`${what}: ${(error as Error).message}`));
    };
    say('down at the start');
    proxy.mode = 'down';
    await load.bulk(2_000);
    await fleet.launch(0);
    await stands('down at the start');
    proxy.mode = 'up';
    await fleet.ready(0);
    await flows('up again');
    for (const mode of ['down', 'failing'] as const) {
      say(mode);
      proxy.mode = mode;
      await load.bulk(2_000);
      await flows(`${mode}: known schema`);
      version++;
      await load.bulk(2_000);
      await stands(mode);
      proxy.mode = 'up';
      await flows(`${mode}: up again`);
    }
    if (proxy.faults === 0) problems.push('no request met a fault');
    return await settle(context, stage, { faults: proxy.faults, problems, framingBytes: FRAMING_BYTES });
  },
};

/** Registers the event schema with so many fields more; the prefix and suffix make an event of an old one. */
async function register(url: string, added: number): Promise<{ prefix: Buffer; suffix: Buffer }> {
  const extra = Array.from({ length: added }, (_, i) => ({ name: `extra${i}`, type: 'string', default: '' }));
  const schema = { ...EVENT_SCHEMA, fields: [...EVENT_SCHEMA.fields, ...extra] };
  avsc.Type.forSchema(schema as avsc.Schema); // a mistake here should not look like one of weir
  const answer = await fetch(`${url}/subjects/${TOPICS.input}-value-${added}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  if (!answer.ok) throw new Error(`The registry answers ${answer.status}: ${await answer.text()}`);
  const { id } = (await answer.json()) as { id: number };
  const prefix = Buffer.alloc(FRAMING_BYTES);
  prefix.writeInt32BE(id, 1);
  return { prefix, suffix: Buffer.alloc(added) }; // an empty string is the byte 0
}
