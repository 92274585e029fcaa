import type { LoadedPipeline } from '../config/index.ts';
import { valuesOf } from '../core/layout.ts';
import { checkModelPackage, inspectModel, type ModelPackage, type RunFit, runMs, runWarning } from '../model/index.ts';
import type { CheckStep } from './check.ts';
import { shown } from './findings.ts';

/** The package by itself: manifest, hash, versions, graph, golden rows, and the length of its runs for where they are made. */
export async function checkModel({ config, document }: LoadedPipeline, steps: CheckStep[]): Promise<ModelPackage | undefined> {
  const { package: pkg, findings } = await checkModelPackage(config.model.package);
  if (!pkg) {
    steps.push({ title: 'model package', detail: shown(config.model.package), findings });
    return undefined;
  }
  const { maxRows } = config.batch;
  const columns = pkg.inputs.reduce((sum, input) => sum + valuesOf(input), 0);
  const inspection = await inspectModel(pkg);
  const warning = runWarning(inspection.fit, { ...config.model, maxRows });
  steps.push({
    title: 'model package',
    detail: `${pkg.name} ${pkg.version}: ${pkg.inputs.length} input${pkg.inputs.length === 1 ? '' : 's'}, ${columns} columns${pkg.golden ? ', golden rows' : ''}${runDetail(inspection.fit, maxRows)}`,
    findings: [...inspection.findings, ...(warning === undefined ? [] : [document.finding(['model'], `model: ${warning}`, 'warning')])],
  });
  return pkg;
}

/** What a run takes on this machine. */
function runDetail(fit: RunFit | undefined, maxRows: number): string {
  if (!fit) return '';
  const ms = runMs(fit, maxRows);
  return `, ${Math.min(fit.rows, maxRows)} rows a run at ${Number(fit.microsPerRow.toPrecision(2))} µs a row (${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms)`;
}
