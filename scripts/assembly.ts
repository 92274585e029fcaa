/** Compiles assembly/*.ts (AssemblyScript) and gives the WebAssembly as a TypeScript file, so that nothing has to be read at start. */
import asc from 'assemblyscript/asc';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const LINE = 120;

/** @returns source of a module that exports the compiled bytes, base64, as `name` */
export async function assembled(source: string, name: string): Promise<string> {
  const files = new Map<string, string | Uint8Array>();
  const flags = ['--runtime', 'stub', '--importMemory', '--noAssert', '-O3', '--enable', 'simd', '--outFile', 'out.wasm'];
  const { error, stderr } = await asc.main([source, ...flags, '--baseDir', root], {
    writeFile: (file, contents) => void files.set(file, contents),
  });
  const bytes = files.get('out.wasm');
  if (error || !(bytes instanceof Uint8Array)) throw new Error(`${source} does not compile:\n${stderr.toString()}`, { cause: error });
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return `/** Compiled from ${source} by scripts/generate.ts: do not edit. ${bytes.length} bytes. */
export const ${name} =
  '${lines.join("' +\n  '")}';
`;
}
