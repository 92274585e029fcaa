import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { weirErrorFromKafka } from './errors.ts';

/**
 * Asks the brokers something over a connection that lives as long as the question.
 * @param doing what is being done, for the message of an error: "looking topics up"
 * @throws WeirError
 */
export async function withAdmin<T>(kafka: Kafka, doing: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await use(admin);
  } catch (thrown) {
    throw weirErrorFromKafka(thrown, doing);
  } finally {
    await admin.disconnect();
  }
}

/** `max.message.bytes` of topics that exist; one that does not say is left out. */
export async function maxMessageBytes(admin: Admin, topics: readonly string[]): Promise<Map<string, number>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: ['max.message.bytes'] })),
  });
  const limits = new Map<string, number>();
  for (const { resourceName, configEntries } of resources) {
    const limit = Number(configEntries.find(({ configName }) => configName === 'max.message.bytes')?.configValue);
    if (limit > 0) limits.set(resourceName, limit);
  }
  return limits;
}
