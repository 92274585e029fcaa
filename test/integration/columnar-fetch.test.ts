import { afterAll, beforeAll, describe } from 'vitest';
import { KAFKA_VERSION, type LocalService, OLDEST_KAFKA_VERSION, startKafka } from '../../src/dev/index.ts';
import { requireJava } from '../../src/dev/programs.ts';
import { columnarFetchSuite } from '../support/columnar-fetch-suite.ts';
import { services } from '../support/services.ts';

const hasJava = await requireJava(17).then(
  () => true,
  () => false,
);
// The cleaner looks for work every 15 s by default.
const extraProperties = { 'log.cleaner.backoff.ms': '200' };

describe.each([KAFKA_VERSION, OLDEST_KAFKA_VERSION])('columnar fetch from Kafka %s', (version) => {
  let broker: LocalService | undefined;
  beforeAll(async () => {
    if (hasJava) broker = await startKafka({ version, extraProperties });
  });
  afterAll(() => broker?.stop());

  // Without Java there is only the broker of the containers, whatever its version.
  columnarFetchSuite(() => broker?.endpoint ?? services().kafkaBrokers);
});
