import './no-telemetry.ts';
import { InferenceSession } from 'onnxruntime-node';
import { WeirError } from '../core/errors.ts';
import type { ModelPackage } from './package.ts';

/** How a session computes. */
export interface SessionOptions {
  /** Threads within one operator. 1 unless the machine has cores to spare: the unit of scaling is the partition. */
  readonly intraOpNumThreads?: number;
}

/**
 * Opens the model file of a package in ONNX Runtime on the CPU, all graph optimisations on, operators one after another.
 * @throws WeirError `model_invalid` when ONNX Runtime refuses the file
 */
export async function openSession(pkg: ModelPackage, { intraOpNumThreads = 1 }: SessionOptions = {}): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(pkg.modelFile, {
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      intraOpNumThreads,
      interOpNumThreads: 1,
      // 4 = fatal. The runtime logs errors to stderr before it throws them, unstructured and with values of the rows in them.
      logSeverityLevel: 4,
    });
  } catch (thrown) {
    const { header, modelFile } = pkg;
    const opsets = [...header.opsets].map(([domain, version]) => `${domain} ${version}`).join(', ');
    throw new WeirError(
      'model_invalid',
      `ONNX Runtime refuses ${modelFile} (IR version ${header.irVersion}, opsets ${opsets}, written by ${header.producer || 'an unknown tool'}): ` +
        `${(thrown as Error).message}. Check the model in Python with onnx.checker.check_model, or export it again.`,
      { cause: thrown },
    );
  }
}
