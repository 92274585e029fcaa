import { WeirError } from '../core/errors.ts';
import { createRowLayout } from '../core/layout.ts';
import { silentLogger } from '../core/silent.ts';
import type { Finding } from '../yaml/document.ts';
import { loadModel } from './model.ts';
import type { ModelPackage } from './package.ts';
import type { RunFit } from './run-curve.ts';
import { openSession } from './session.ts';
import { signatureFindings } from './signature.ts';

/** What is found out about a model by running it. */
export interface ModelInspection {
  readonly findings: readonly Finding[];
  /** The best number of rows of a run, and what a row takes in it, on this machine; undefined when it could not be measured. */
  readonly fit: RunFit | undefined;
}

/**
 * Everything there is to say about a package that could be read: its warnings, the graph against the manifest, the golden rows,
 * and how long runs take. Needs no pipeline file and no service. For `weir check`.
 */
export async function inspectModel(pkg: ModelPackage): Promise<ModelInspection> {
  const findings: Finding[] = [...pkg.warnings];
  let fit: RunFit | undefined;
  try {
    const session = await openSession(pkg);
    try {
      findings.push(...signatureFindings(pkg, session));
    } finally {
      await session.release();
    }
    if (findings.some((f) => f.severity === 'error')) return { findings, fit };
    // The entity field plays no part in scoring, any name will do.
    const entities = new Map(
      pkg.inputs.flatMap((input) =>
        input.columns.flatMap(({ binding, compareWith }) =>
          [binding, compareWith].flatMap((place) => (place?.from === 'group' ? [[place.group, ['entity']]] : [])),
        ),
      ) as [string, string[]][],
    );
    const model = await loadModel(pkg, createRowLayout(pkg.inputs, { entities }), { logger: silentLogger });
    fit = model.fit;
    await model.close();
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    const isGolden = pkg.golden !== undefined && thrown.message.startsWith(pkg.golden.file);
    findings.push(pkg.document.finding([isGolden ? 'golden' : 'file'], thrown.message));
  }
  return { findings, fit };
}
