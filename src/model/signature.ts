import type { InferenceSession } from 'onnxruntime-node';
import { type TensorSpec, valuesOf } from '../core/layout.ts';
import { closest } from '../yaml/closest.ts';
import type { Finding } from '../yaml/document.ts';
import type { ModelPackage } from './package.ts';

type Metadata = InferenceSession.ValueMetadata;
type Say = (path: readonly PropertyKey[], message: string) => void;

/** How to turn inputs of an element type weir does not feed into ones it does. */
const CAST_ADVICE: Readonly<Record<string, string>> = {
  float64: 'export it with float32 inputs (FloatTensorType in skl2onnx, model.float() in PyTorch)',
  float16: 'export it with float32 inputs and cast to float16 inside the graph',
  int64: 'export it with a float32 input and a Cast to int64 inside the graph',
  int32: 'export it with a float32 input and a Cast to int32 inside the graph',
  bool: 'export it with a float32 input and a Cast to bool inside the graph',
};

const FLOATS = new Set(['float32', 'float64']);
const LABELS = new Set(['int64', 'int32', 'string']);

/**
 * Holds a manifest against the graph: every input fed once with the right type and width, every wanted output there and
 * of a kind that can be read. Findings stand at the lines of the manifest. Empty when they agree.
 */
export function signatureFindings(pkg: ModelPackage, session: InferenceSession): Finding[] {
  const findings: Finding[] = [];
  const say: Say = (path, message) => findings.push(pkg.document.finding(path, message));
  const graphInputs = new Map(session.inputMetadata.map((meta) => [meta.name, meta]));
  const graphOutputs = new Map(session.outputMetadata.map((meta) => [meta.name, meta]));

  for (const input of pkg.inputs) {
    const meta = graphInputs.get(input.name);
    if (meta) checkInput(input, meta, say);
    else say(['inputs', input.name], `the model has no input ${input.name}${suggest(input.name, [...graphInputs.keys()])}`);
  }
  const given = new Set(pkg.inputs.map((input) => input.name));
  for (const meta of graphInputs.values()) {
    if (!given.has(meta.name))
      say(['inputs'], `the model needs input ${meta.name} (${describe(meta)}), which the manifest does not give it`);
  }

  const { score, label, extras } = pkg.outputs;
  const output = (path: readonly PropertyKey[], name: string, types: ReadonlySet<string>, what: string): Metadata | undefined => {
    const meta = graphOutputs.get(name);
    if (!meta) say(path, `the model has no output ${name}${suggest(name, [...graphOutputs.keys()])}`);
    else if (!meta.isTensor) {
      say(
        path,
        `output ${name} is a sequence or map, not a tensor; export it with options={"zipmap": False} (zipmap=False in onnxmltools)`,
      );
    } else if (!types.has(meta.type)) say(path, `output ${name} is ${describe(meta)}; ${what} must be ${[...types].join(' or ')}`);
    else return meta;
    return undefined;
  };
  const scoreMeta = output(['outputs', 'score', 'output'], score.output, FLOATS, 'a score');
  if (scoreMeta) checkScoreShape(scoreMeta, score.index, say);
  if (label && 'output' in label) output(['outputs', 'label', 'output'], label.output, LABELS, 'a label');
  for (const [i, extra] of extras.entries()) output(['outputs', 'extras', i, 'output'], extra.output, FLOATS, 'an extra');
  return findings;
}

function checkInput(input: TensorSpec, meta: Metadata, say: Say): void {
  const path = ['inputs', input.name];
  if (!meta.isTensor) return say(path, `input ${input.name} is a sequence or map; weir feeds tensors only`);
  const wanted = input.kind === 'float' ? 'float32' : 'string';
  if (meta.type !== 'float32' && meta.type !== 'string') {
    const advice = CAST_ADVICE[meta.type] ?? 'export it with float32 or string inputs';
    return say([...path, 'type'], `input ${input.name} of the model is ${meta.type}, which weir does not feed; ${advice}`);
  }
  if (meta.type !== wanted) return say([...path, 'type'], `input ${input.name} of the model is ${meta.type}, not ${wanted}`);
  const [batch, width = 1] = meta.shape;
  if (meta.shape.length > 2) return say(path, `input ${input.name} has ${describe(meta)}; weir feeds [rows, columns]`);
  if (typeof batch === 'number') {
    say(path, `input ${input.name} takes exactly ${batch} rows (${describe(meta)}); export it with a dynamic first dimension`);
  }
  const columns = valuesOf(input);
  const isScalar = meta.shape.length === 1;
  if ((isScalar && columns !== 1) || (meta.shape.length === 2 && typeof width === 'number' && width !== columns)) {
    say([...path, 'columns'], `input ${input.name} of the model has ${isScalar ? 1 : width} columns, the manifest lists ${columns}`);
  }
}

function checkScoreShape(meta: Metadata, index: number | undefined, say: Say): void {
  if (!meta.isTensor || meta.shape.length === 0) return;
  if (meta.shape.length > 2)
    return say(['outputs', 'score', 'output'], `output ${meta.name} has ${describe(meta)}; a score is [N] or [N,k]`);
  const width = meta.shape.length === 1 ? 1 : meta.shape[1];
  if (typeof width === 'number') {
    const problem = scoreWidthProblem(meta.name, width, index);
    if (problem !== undefined) say(['outputs', 'score'], problem);
  }
}

/** Why a score of this width cannot be read with this index, or undefined. */
export function scoreWidthProblem(name: string, width: number, index: number | undefined): string | undefined {
  if (index === undefined && width > 1) return `output ${name} has ${width} columns; say which one is the score: index: ${width - 1}`;
  if (index !== undefined && index >= width) return `output ${name} has ${width} columns; index ${index} is none of 0 to ${width - 1}`;
  return undefined;
}

function describe(meta: Metadata): string {
  return meta.isTensor ? `${meta.type}[${meta.shape.map((d) => (d === '' ? 'N' : d)).join(',')}]` : 'not a tensor';
}

function suggest(name: string, names: readonly string[]): string {
  const near = closest(name, names);
  return near ? `; did you mean ${near}?` : `; it has ${names.join(', ')}`;
}
