/** Model packages: reading, checking and running them. */
export { inspectModel, type ModelInspection } from './inspect.ts';
export { type LoadedModel, type LoadOptions, loadModel, type Runtime } from './model.ts';
export { checkModelPackage, MANIFEST_FILE, type ModelPackage, type PackageCheck, readModelPackage } from './package.ts';
export { type RunFit, runMs, runWarning } from './run-curve.ts';
export type { ThreadStats } from './threads/thread-pool.ts';
