import { WeirError } from '../core/errors.ts';

/** What ONNX Runtime 1.30 reads: IR versions up to 13; opsets 7 to 26; ai.onnx.ml up to 5. Newer ones are refused by name. */
export const SUPPORTED = {
  irVersion: 13,
  opsets: new Map([
    ['ai.onnx', 26],
    ['ai.onnx.ml', 5],
  ]),
} as const;

/** The head of an ONNX file: enough to say why a runtime will not read it. */
export interface OnnxHeader {
  readonly irVersion: number;
  readonly producer: string;
  /** Version by operator domain; the default domain is `ai.onnx`. */
  readonly opsets: ReadonlyMap<string, number>;
}

/**
 * Reads version fields of a serialized `ModelProto` (onnx.proto: 1 ir_version, 2 producer_name, 3 producer_version,
 * 7 graph, 8 opset_import {1 domain, 2 version}) and skips the rest. ONNX Runtime's own message for a model that is
 * too new tells neither which tool wrote it nor what to do.
 * @throws WeirError `model_invalid` when the bytes are no ONNX model or end too early
 */
export function readOnnxHeader(bytes: Uint8Array, file: string): OnnxHeader {
  const opsets = new Map<string, number>();
  let irVersion = 0;
  let hasGraph = false;
  const producer: string[] = [];
  try {
    for (const field of protobufFields(bytes)) {
      if (field.number === 1 && field.bytes === undefined) irVersion = field.value;
      else if ((field.number === 2 || field.number === 3) && field.bytes) producer.push(textOf(field.bytes));
      else if (field.number === 7 && field.bytes) hasGraph = true;
      else if (field.number === 8 && field.bytes) {
        let domain = '';
        let version = 0;
        for (const part of protobufFields(field.bytes)) {
          if (part.number === 1 && part.bytes) domain = textOf(part.bytes);
          else if (part.number === 2 && part.bytes === undefined) version = part.value;
        }
        opsets.set(domain === '' ? 'ai.onnx' : domain, version);
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw new WeirError('model_invalid', `${file} is not a whole ONNX model (${thrown.message}); export or copy it again.`, {
      cause: thrown,
    });
  }
  if (irVersion === 0 || !hasGraph) {
    throw new WeirError('model_invalid', `${file} is not an ONNX model: it has no ${irVersion === 0 ? 'IR version' : 'graph'}.`);
  }
  return { irVersion, producer: producer.join(' '), opsets };
}

/** Why this build of ONNX Runtime cannot read the model, and what to export again with; empty when it can. */
export function versionProblems(header: OnnxHeader): string[] {
  const problems: string[] = [];
  if (header.irVersion > SUPPORTED.irVersion) {
    problems.push(
      `the model has IR version ${header.irVersion}, ONNX Runtime 1.30 reads up to ${SUPPORTED.irVersion}; ` +
        'set model.ir_version = 8 in Python before saving (onnx.helper.make_model writes its newest by default)',
    );
  }
  for (const [domain, newest] of SUPPORTED.opsets) {
    const version = header.opsets.get(domain);
    if (version === undefined || version <= newest) continue;
    const advice =
      domain === 'ai.onnx'
        ? 'export again with opset 17: target_opset={"": 17, "ai.onnx.ml": 3} in skl2onnx, target_opset=15 in onnxmltools, opset_version=17 in torch.onnx.export'
        : 'export again with target_opset={"": 17, "ai.onnx.ml": 3}';
    problems.push(`the model uses opset ${version} of ${domain}, ONNX Runtime 1.30 reads up to ${newest}; ${advice}`);
  }
  return problems;
}

interface ProtobufField {
  readonly number: number;
  /** Value of a varint; 0 for fixed-width fields, which are skipped. */
  readonly value: number;
  /** Content of a length-delimited field. */
  readonly bytes: Uint8Array | undefined;
}

/** The fields of one protobuf message, in file order. @throws RangeError when the bytes are no message */
function* protobufFields(bytes: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) throw new RangeError('it ends in the middle of a field');
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError(`no protobuf at byte ${at}`);
  };
  while (at < bytes.length) {
    const start = at;
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0) throw new RangeError(`no protobuf at byte ${start}`);
    if (wire === 0) {
      yield { number, value: varint(), bytes: undefined };
      continue;
    }
    const size = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : -1;
    if (size < 0) throw new RangeError(`no protobuf at byte ${start}`);
    if (at + size > bytes.length) throw new RangeError(`it ends at byte ${bytes.length}, in the middle of a field of ${size} bytes`);
    const content = bytes.subarray(at, at + size);
    at += size;
    yield { number, value: 0, bytes: wire === 2 ? content : undefined };
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
