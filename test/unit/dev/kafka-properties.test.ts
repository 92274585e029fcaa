import { expect, test } from 'vitest';
import { kafkaUuid, serverProperties } from '../../../src/dev/kafka-properties.ts';

const nodes = [1, 2, 3].map((id) => ({ id, port: 1000 + id, controllerPort: 2000 + id }));
const [alone] = nodes as [(typeof nodes)[0]];

test('a broker alone has one replica of everything', () => {
  const lines = serverProperties(alone, [alone], '/data').split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'controller.quorum.voters=1@127.0.0.1:2001',
      'listeners=PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:2001',
      'log.dirs=/data/logs',
      'offsets.topic.replication.factor=1',
      'transaction.state.log.min.isr=1',
      'min.insync.replicas=1',
    ]),
  );
});

test('three nodes hold three replicas, two of them in sync, and all vote', () => {
  const lines = serverProperties(nodes[1]!, nodes, '/data').split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'node.id=2',
      'controller.quorum.voters=1@127.0.0.1:2001,2@127.0.0.1:2002,3@127.0.0.1:2003',
      'listeners=PLAINTEXT://127.0.0.1:1002,CONTROLLER://127.0.0.1:2002',
      'offsets.topic.replication.factor=3',
      'min.insync.replicas=2',
      'transaction.state.log.replication.factor=3',
      'transaction.state.log.min.isr=2',
    ]),
  );
});

test('what is added wins, and backslashes survive', () => {
  const lines = serverProperties(alone, [alone], '/data', { 'node.id': '7', 'ssl.dir': 'a\\b' }).split('\n');
  expect(lines).toContain('node.id=7');
  expect(lines).not.toContain('node.id=1');
  expect(lines).toContain('ssl.dir=a\\\\b');
});

test('ids are 22 characters that no option parser takes for an option', () => {
  const ids = Array.from({ length: 300 }, kafkaUuid);
  expect(new Set(ids).size).toBe(300);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
});
