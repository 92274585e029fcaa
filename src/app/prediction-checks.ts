import { type AvroSchema, parseAvroSchema } from '../avro/plan/index.ts';
import { describe, type RecordSchema } from '../avro/plan/schema.ts';
import type { PipelineConfig } from '../config/index.ts';
import { WeirError } from '../core/errors.ts';
import type { ModelPackage } from '../model/index.ts';
import type { Finding } from '../yaml/document.ts';
import type { CheckStep } from './check.ts';

/**
 * The schema of predictions against what the model answers (its outputs were held against the ONNX signature already).
 * @param schemaJson the schema that predictions are written with
 */
export function checkPredictionSchema(config: PipelineConfig, { name, version, outputs }: ModelPackage, schemaJson: unknown): CheckStep {
  const { topic, format } = config.output.predictions;
  const parts = ['score', ...(outputs.label ? ['label'] : []), ...outputs.extras.map((extra) => `outputs.${extra.name}`)];
  const step = { title: 'prediction schema', detail: `${parts.join(', ')} of ${name} ${version} to ${topic} (${format})` };
  let schema: AvroSchema;
  try {
    schema = parseAvroSchema(schemaJson);
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    return { ...step, findings: [{ severity: 'error', message: thrown.message }] };
  }
  if (schema.type !== 'record') return { ...step, findings: [error(`predictions are ${describe(schema)}, not a record`)] };
  const record = schema;
  const wanted: [string, string, boolean][] = [
    ['score', 'a double', branches(record, 'score').some(({ type }) => type === 'double')],
    ['label', 'a string', !outputs.label || branches(record, 'label').some(({ type }) => type === 'string')],
    [
      'outputs',
      'a map of lists of floats',
      outputs.extras.length === 0 ||
        branches(record, 'outputs').some((s) => s.type === 'map' && s.values.type === 'array' && s.values.items.type === 'float'),
    ],
  ];
  const findings = wanted.flatMap(([field, what, fits]) =>
    fits ? [] : [error(`${describe(record)} has no field ${field} that holds ${what}, which the model answers with`)],
  );
  return { ...step, findings };
}

const error = (message: string): Finding => ({ severity: 'error', message });

function branches({ fields }: RecordSchema, field: string): readonly AvroSchema[] {
  const schema = fields.find(({ name }) => name === field)?.schema;
  return schema === undefined ? [] : schema.type === 'union' ? schema.branches : [schema];
}
