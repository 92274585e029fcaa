/**
 * Tiny ONNX models written byte by byte (onnx.proto), so that tests can have any signature, version and fault without
 * Python. `test/unit/model` runs them in the real ONNX Runtime.
 */

/** Element types of onnx.proto `TensorProto.DataType`. */
export const TYPES = { float32: 1, int32: 6, int64: 7, string: 8, bool: 9, float64: 11 } as const;
export type ElementType = keyof typeof TYPES;

/** A graph input or output; a string dimension is symbolic. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
  /** Declares a sequence of tensors instead of a tensor. */
  readonly sequence?: boolean;
}

/** The body of a `Loop`, or a branch of an `If`. */
export type GraphSpec = Pick<ModelSpec, 'inputs' | 'outputs' | 'nodes'>;

/** One operator with its attributes (numbers are ints, lists are ints, objects are graphs). */
export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[] | GraphSpec>>;
}

/** A model; versions that ONNX Runtime 1.30 reads unless said otherwise. */
export interface ModelSpec {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly NodeSpec[];
  /** Float constants by name. */
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  readonly irVersion?: number;
  readonly opset?: number;
  readonly mlOpset?: number;
}

export function buildOnnx(spec: ModelSpec): Buffer {
  return Buffer.concat([
    int(1, spec.irVersion ?? 8),
    text(2, 'onnx-builder'),
    text(3, '1'),
    message(7, graphProto(spec)),
    message(8, int(2, spec.opset ?? 11)),
    ...(spec.mlOpset === undefined ? [] : [message(8, Buffer.concat([text(1, 'ai.onnx.ml'), int(2, spec.mlOpset)]))]),
  ]);
}

/** y[N,1] = sum of x[N,width]. */
export function sumModel(width: number, changes: Partial<ModelSpec> = {}): Buffer {
  return buildOnnx({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', width] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
    nodes: [{ op: 'ReduceSum', inputs: ['x'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } }],
    ...changes,
  });
}

/** y[N,1] = table[x[N,1]]: fails on every run that holds a row whose x is not 0 to 3. */
export function lookupModel(): Buffer {
  return buildOnnx({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
    constants: { table: [0.5, 0.25, 0.75, 1] },
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['i'], attributes: { to: TYPES.int64 } },
      { op: 'Gather', inputs: ['table', 'i'], outputs: ['y'], attributes: { axis: 0 } },
    ],
  });
}

/**
 * y[N,1] = x[N,1] after as many turns of a loop as the largest x of the run and `turns` more, at some microseconds a turn: a run is
 * as slow as one likes, and a row with a huge x makes it endless.
 */
export function slowModel(turns = 0): Buffer {
  const score: ValueInfo = { name: 'v', type: 'float32', shape: ['N', 1] };
  return buildOnnx({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
    constants: { least: [turns] },
    nodes: [
      { op: 'ReduceMax', inputs: ['x'], outputs: ['largest'], attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['largest', 'least'], outputs: ['sum'] },
      { op: 'Cast', inputs: ['sum'], outputs: ['turns'], attributes: { to: TYPES.int64 } },
      {
        op: 'Loop',
        inputs: ['turns', '', 'x'],
        outputs: ['y'],
        attributes: {
          body: {
            inputs: [{ name: 'i', type: 'int64', shape: [] }, { name: 'go', type: 'bool', shape: [] }, score],
            outputs: [
              { name: 'goOn', type: 'bool', shape: [] },
              { ...score, name: 'w' },
            ],
            nodes: [
              { op: 'Identity', inputs: ['go'], outputs: ['goOn'] },
              { op: 'Abs', inputs: ['v'], outputs: ['w'] },
            ],
          },
        },
      },
    ],
  });
}

function graphProto({ nodes, constants = {}, inputs, outputs }: GraphSpec & Pick<ModelSpec, 'constants'>): Buffer {
  return Buffer.concat([
    ...nodes.map((node) => message(1, nodeProto(node))),
    text(2, 'graph'),
    ...Object.entries(constants).map(([name, values]) => message(5, tensorProto(name, values))),
    ...inputs.map((value) => message(11, valueInfo(value))),
    ...outputs.map((value) => message(12, valueInfo(value))),
  ]);
}

function nodeProto({ op, inputs, outputs, attributes = {} }: NodeSpec): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => {
      return message(5, Buffer.concat([text(1, name), ...attributeValue(value)]));
    }),
  ]);
}

function attributeValue(value: number | readonly number[] | GraphSpec): Buffer[] {
  if (typeof value === 'number') return [int(3, value), int(20, 2)];
  return 'nodes' in value ? [message(6, graphProto(value)), int(20, 5)] : [...value.map((v) => int(8, v)), int(20, 7)];
}

function tensorProto(name: string, values: readonly number[]): Buffer {
  const raw = Buffer.from(Float32Array.from(values).buffer);
  return Buffer.concat([int(1, values.length), int(2, TYPES.float32), text(8, name), message(9, raw)]);
}

function valueInfo({ name, type, shape, sequence = false }: ValueInfo): Buffer {
  const dims = shape.map((dim) => message(1, typeof dim === 'number' ? int(1, dim) : text(2, dim)));
  const tensor = Buffer.concat([int(1, TYPES[type]), message(2, Buffer.concat(dims))]);
  const typeProto = sequence ? message(4, message(1, message(1, tensor))) : message(1, tensor);
  return Buffer.concat([text(1, name), message(2, typeProto)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

const int = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);
const message = (field: number, content: Buffer): Buffer => Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
const text = (field: number, value: string): Buffer => message(field, Buffer.from(value));
