import { relative } from 'node:path';
import type { AvroSchema, RecordSchema } from '../avro/plan/schema.ts';
import type { LoadedPipeline } from '../config/index.ts';
import { pathText } from '../core/bindings.ts';
import type { Binding } from '../core/layout.ts';
import { WeirError } from '../core/errors.ts';
import type { ModelPackage } from '../model/index.ts';
import { closest } from '../yaml/closest.ts';
import type { Finding } from '../yaml/document.ts';

/** The files that name fields of the event: columns stand in model.yaml, entities and event time in weir.yaml. */
export interface BoundFiles {
  readonly pipeline: LoadedPipeline;
  readonly package: ModelPackage;
}

/** Something in a file that names a field of the event. */
interface Place {
  /** As the file says it: `event.a.b`. */
  readonly field: string;
  /** How messages call what the field fills. */
  readonly what: string;
  finding(message: string, severity: Finding['severity']): Finding;
}

/**
 * What is wrong with bound fields, at the places that bind them: one finding a place, or one without place when it is about
 * none. A field that does not exist comes with the nearest one that does.
 * @param message begins with the path of a field, or speaks of `column x`, `the comparison of x`, `the entity of group x` or `the event time`
 * @param schema where the fields were looked up
 */
export function bindingFindings(
  message: string,
  files: BoundFiles,
  schema: AvroSchema | undefined,
  severity: Finding['severity'] = 'error',
): Finding[] {
  const all = placesOf(files);
  const field = /^event(?:\.[A-Za-z_]\w*)+(?= )/.exec(message)?.[0];
  const named = all.filter(({ what }) => `${message} `.includes(`${what} `));
  const bound = field === undefined ? [] : all.filter((place) => place.field === field || place.field.startsWith(`${field}.`));
  const told = field === undefined || schema === undefined ? message : withNearest(message, field, schema);
  const places = named.length > 0 ? named : bound;
  return places.length > 0 ? places.map((place) => place.finding(told, severity)) : [{ severity, message: told }];
}

/** A finding about a column, at its binding in model.yaml, or at the place that it is compared with. */
export function columnFinding(
  pkg: ModelPackage,
  column: string,
  message: string,
  severity: Finding['severity'] = 'error',
  key: 'from' | 'compareWith' = 'from',
): Finding {
  for (const { name, columns } of pkg.inputs) {
    const index = columns.findIndex((spec) => spec.name === column);
    if (index >= 0) return pkg.document.finding(['inputs', name, 'columns', index, key], message, severity);
  }
  return { severity, message };
}

/** An error of the table as a finding; anything else is a defect of weir and goes on its way. */
export function findingFrom(thrown: unknown): Finding {
  if (!(thrown instanceof WeirError)) throw thrown;
  return { severity: 'error', message: thrown.message };
}

/** A path as short as it can be said here. */
export function shown(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere !== '' && !fromHere.startsWith('..') ? fromHere : path;
}

function placesOf({ pipeline: { config, document }, package: pkg }: BoundFiles): Place[] {
  const columns = pkg.inputs.flatMap((input) => input.columns);
  const { eventTime } = config.input;
  return [
    ...columns.flatMap(({ name, binding, compareWith }) => [
      ...eventPlace(pkg, name, binding, 'from'),
      ...(compareWith ? eventPlace(pkg, name, compareWith, 'compareWith') : []),
    ]),
    ...Object.entries(config.features).map(
      ([group, { entity }]): Place => ({
        field: pathText(entity),
        what: `the entity of group ${group}`,
        finding: (message, severity) => document.finding(['features', group, 'entity'], `features.${group}.entity: ${message}`, severity),
      }),
    ),
    ...(eventTime
      ? [
          {
            field: pathText(eventTime),
            what: 'the event time',
            finding: (message: string, severity: Finding['severity']) =>
              document.finding(['input', 'eventTime'], `input.eventTime: ${message}`, severity),
          },
        ]
      : []),
  ];
}

function eventPlace(pkg: ModelPackage, name: string, binding: Binding, key: 'from' | 'compareWith'): Place[] {
  if (binding.from !== 'event') return [];
  const what = key === 'from' ? `column ${name}` : `the comparison of ${name}`;
  return [{ field: pathText(binding.path), what, finding: (message, severity) => columnFinding(pkg, name, message, severity, key) }];
}

/** Puts the nearest field in place of the list of all fields. */
function withNearest(message: string, field: string, schema: AvroSchema): string {
  const path = field.split('.').slice(1);
  let level: readonly AvroSchema[] = [schema];
  for (const name of path.slice(0, -1))
    level = recordsOf(level).flatMap(({ fields }) => fields.flatMap((f) => (f.name === name ? [f.schema] : [])));
  const names = recordsOf(level).flatMap(({ fields }) => fields.map((f) => f.name));
  const near = closest(path.at(-1)!, names);
  return near === undefined ? message : message.replace(/ It has [^.]*\./, ` Did you mean ${near}?`);
}

function recordsOf(schemas: readonly AvroSchema[]): RecordSchema[] {
  return schemas.flatMap((s) => (s.type === 'union' ? s.branches : [s])).filter((s): s is RecordSchema => s.type === 'record');
}
