/** What both of our cells with Avro need to know of the events: their layout as rows, a registry that has their schema, output framing. */
import type { RegistryClient } from '../../src/avro/registry-client.ts';
import { createRowLayout, type RowLayout } from '../../src/core/layout.ts';
import { EVENT_SCHEMA, FEATURES, SCHEMA_ID } from './events.ts';

/** One tensor `x` of all features. @param eventTime field of the event time; none: that of the record */
export function featureLayout(eventTime?: readonly string[]): RowLayout {
  const columns = Array.from({ length: FEATURES }, (_, i) => column(`f${i}`));
  return createRowLayout([{ name: 'x', kind: 'float', columns }], { entities: new Map(), ...(eventTime ? { eventTime } : {}) });
}

/** A registry that gives the schema of the events for every id. */
export const registry: RegistryClient = {
  schemaById: async (id, kind = 'id') => ({ kind, id, schema: EVENT_SCHEMA, references: new Map() }),
  register: async () => ({ id: SCHEMA_ID }),
};

/** What stands before the Avro of an output. */
export function outputPrefix(): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(SCHEMA_ID + 1, 1);
  return prefix;
}

const column = (name: string) =>
  ({ name, kind: 'float', binding: { from: 'event', path: [name] }, required: true, onInvalid: 'dead-letter' }) as const;
