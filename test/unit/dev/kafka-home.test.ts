import { expect, test } from 'vitest';
import { KAFKA_VERSION, loggingOf, OLDEST_KAFKA_VERSION } from '../../../src/dev/kafka-home.ts';

test('each line of versions logs with the library that it ships', () => {
  expect(loggingOf(KAFKA_VERSION)).toMatchObject({ file: 'log4j2.xml', property: 'log4j2.configurationFile' });
  expect(loggingOf(OLDEST_KAFKA_VERSION)).toMatchObject({ file: 'log4j.properties', property: 'log4j.configuration' });
});

test.each(['3.8.1', '2.8.0', '3.10.0', '4.1', 'latest', '4.1.1/../x'])('refuses version %s', (version) => {
  expect(() => loggingOf(version)).toThrow(`Kafka ${version} cannot be started here`);
});
