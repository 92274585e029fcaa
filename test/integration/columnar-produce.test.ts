import { afterAll, beforeAll, describe } from 'vitest';
import { KAFKA_VERSION, type LocalService, OLDEST_KAFKA_VERSION, startKafka } from '../../src/dev/index.ts';
import { requireJava } from '../../src/dev/programs.ts';
import { columnarProduceSuite } from '../support/columnar-produce-suite.ts';
import { services } from '../support/services.ts';

const hasJava = await requireJava(17).then(
  () => true,
  () => false,
);

describe(`columnar produce to Kafka ${KAFKA_VERSION}`, () => {
  columnarProduceSuite(() => services().kafkaBrokers);
});

describe.runIf(hasJava)(`columnar produce to Kafka ${OLDEST_KAFKA_VERSION}`, () => {
  let broker: LocalService | undefined;
  beforeAll(async () => {
    broker = await startKafka({ version: OLDEST_KAFKA_VERSION });
  });
  afterAll(() => broker?.stop());

  columnarProduceSuite(() => broker!.endpoint);
});
