import { createRequire } from 'node:module';
import { WeirError } from '../../core/errors.ts';

/** The version whose internals the files of this folder know. */
export const GUARDED_KAFKAJS_VERSION = '2.2.4';

const require = createRequire(import.meta.url);
/** What was loaded: some of it is asked for at every request, and `require` resolves the path every time. */
const modules = new Map<string, unknown>();

/**
 * Loads a module of kafkajs that is not part of its public interface.
 * @param path below the package, such as `src/consumer/consumerGroup.js`
 * @throws WeirError `state_invalid` when the installed kafkajs is not the one whose internals weir knows
 */
export function kafkajsInternal<T>(path: string): T {
  const known = modules.get(path);
  if (known !== undefined) return known as T;
  const { version } = require('kafkajs/package.json') as { version: string };
  if (version !== GUARDED_KAFKAJS_VERSION) {
    throw new WeirError(
      'state_invalid',
      `weir extends internals of kafkajs ${GUARDED_KAFKAJS_VERSION}, but ${version} is installed. Run npm ci.`,
    );
  }
  const found = require(`kafkajs/${path}`) as unknown;
  modules.set(path, found);
  return found as T;
}
