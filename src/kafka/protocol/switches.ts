/**
 * Switches for the extensions of kafkajs: `WEIR_KAFKAJS_STOCK=columnar-fetch,idle-timer` has stock kafkajs do what these
 * extensions do otherwise. For diagnosis only, to tell a fault of weir from one of kafkajs or of the brokers.
 *
 * `group-hooks.ts` has no switch: without it a consumer neither settles before it rejoins nor fetches for itself, so
 * there would be nobody to ask for what the others bring.
 */
import { WeirError } from '../../core/errors.ts';

/** The extensions that can be switched off, and what stock kafkajs 2.2.4 does in the place of each. */
export const EXTENSIONS = {
  'idle-timer': 'Each connection re-arms a timer every millisecond, also while nothing is pending.',
  'framed-sockets': 'A response is received in chunks of 64 kB and copied together.',
  'columnar-fetch':
    'Each record becomes an object, no checksum is looked at, and records of aborted transactions are let through in some orders.',
  'columnar-produce': 'Each record becomes objects and buffers, and headers lose null values and the order of repeated keys.',
  'member-offsets':
    'Offsets in a transaction name no member (TxnOffsetCommit v1), so a member that has lost its partitions can commit them.',
  'stable-offsets':
    'Committed positions are read while a transaction that moves them is open (OffsetFetch v4), so its records are read again.',
  'transaction-retry': 'CONCURRENT_TRANSACTIONS is waited out in steps of 300 ms and more, or is an error.',
  'coordinator-cache': 'The coordinator is looked up before each request of a transaction.',
  'produce-once': 'A produce request that failed is repeated, also what another leader may have written already.',
} as const;

/** Name of an extension that can be switched off. */
export type Extension = keyof typeof EXTENSIONS;

/** The environment variable that names what is switched off. */
export const STOCK_VARIABLE = 'WEIR_KAFKAJS_STOCK';

let switchedOff: ReadonlySet<Extension> | undefined;

/**
 * Reads the value of `WEIR_KAFKAJS_STOCK`: names separated by commas; empty or undefined: none.
 * @throws WeirError `config_invalid` for a name that is no extension
 */
export function parseStock(value: string | undefined): ReadonlySet<Extension> {
  const names = (value ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => !Object.hasOwn(EXTENSIONS, name));
  if (unknown.length > 0) {
    const hint = unknown.includes('group-hooks') ? ' group-hooks carries the others and cannot be switched off.' : '';
    throw new WeirError(
      'config_invalid',
      `${STOCK_VARIABLE}: there is no extension ${unknown.join(', ')}; name some of ${Object.keys(EXTENSIONS).join(', ')}.${hint}`,
    );
  }
  return new Set(names as Extension[]);
}

/** What is switched off in this process; the environment is read once. @throws WeirError `config_invalid` */
export function stockExtensions(): ReadonlySet<Extension> {
  return (switchedOff ??= parseStock(process.env[STOCK_VARIABLE]));
}

/** True: stock kafkajs is to do what this extension does otherwise. @throws WeirError `config_invalid` */
export function isStock(extension: Extension): boolean {
  return stockExtensions().has(extension);
}
