/** Model packages: reading, checking and running them. */
export { inspectModel } from './inspect.ts';
export { type LoadOptions, loadModel } from './model.ts';
export { checkModelPackage, MANIFEST_FILE, type ModelPackage, type PackageCheck, readModelPackage } from './package.ts';
