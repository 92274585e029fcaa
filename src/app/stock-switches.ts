import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import { EXTENSIONS, type Extension, STOCK_VARIABLE, stockExtensions } from '../kafka/protocol/switches.ts';

/** Without any of these a record can be lost or predicted twice, whatever transactions do. */
const EXACTLY_ONCE_NEEDS: readonly Extension[] = ['columnar-fetch', 'member-offsets', 'stable-offsets'];

/**
 * Warns of extensions of kafkajs that are switched off.
 * @param off what is switched off; default: as `WEIR_KAFKAJS_STOCK` says
 * @throws WeirError `config_invalid` when the promise of `delivery.mode: exactly-once` could not be kept
 */
export function checkStockSwitches(
  mode: 'exactly-once' | 'at-least-once',
  logger: Logger,
  off: ReadonlySet<Extension> = stockExtensions(),
): void {
  if (off.size === 0) return;
  const missing = mode === 'exactly-once' ? EXACTLY_ONCE_NEEDS.filter((name) => off.has(name)) : [];
  if (missing.length > 0) {
    throw new WeirError(
      'config_invalid',
      `delivery.mode exactly-once would be unsound: ${STOCK_VARIABLE} switches off ${missing.join(', ')}. Leave that out or set at-least-once.`,
    );
  }
  const stock = Object.fromEntries([...off].map((name) => [name, EXTENSIONS[name]]));
  logger.warn({ stock }, `${STOCK_VARIABLE} switches off extensions of kafkajs, for diagnosis only: ${[...off].join(', ')}`);
}
