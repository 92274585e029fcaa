import { z } from 'zod';
import { parseDuration } from '../core/duration.ts';
import { MOST_PAST_WINDOWS, type PreviousRule } from '../core/reference-kinds.ts';
import { windowSizeFrom } from '../core/window-size.ts';

export { parseDuration };

const LONGEST_MS = 3_650 * 86_400_000;

/**
 * A length of time, given as a number of milliseconds or as text with a unit. The value is milliseconds.
 * @param leastMs smallest value allowed
 * @param mostMs largest value allowed
 */
export function duration(leastMs = 0, mostMs = LONGEST_MS) {
  return z
    .union([z.number(), z.string()], { error: 'must be a number of milliseconds or a duration such as 250ms, 30s, 5m, 1h, 28d' })
    .transform((given, context) => {
      const ms = typeof given === 'number' ? given : parseDuration(given);
      if (ms === undefined || !Number.isFinite(ms)) {
        context.issues.push({
          code: 'custom',
          input: given,
          message: `${JSON.stringify(given)} is not a duration; write 250ms, 30s, 5m, 1h or 28d`,
        });
        return z.NEVER;
      }
      if (ms < leastMs || ms > mostMs) {
        context.issues.push({
          code: 'custom',
          input: given,
          message: `must be between ${leastMs} ms and ${mostMs === LONGEST_MS ? '3650 days' : `${mostMs} ms`}`,
        });
        return z.NEVER;
      }
      return ms;
    })
    .meta({ title: 'duration' });
}

/** A size of windows. The value is its name, the same for all spellings. */
export const windowSize = () =>
  z
    .string({ error: 'must be a duration such as 5m, 1h, 28d, or month, or a number of rows such as 50000 rows' })
    .transform((given, context) => {
      const size = windowSizeFrom(given);
      if (size && (size.rows !== undefined || (size.longestMs >= 1_000 && size.longestMs <= LONGEST_MS))) return size.name;
      context.issues.push({
        code: 'custom',
        input: given,
        message: `${JSON.stringify(given)} is no size of windows; write a duration of at least 1s such as 5m, 1h, 28d, or month, or a number of rows such as 50000 rows`,
      });
      return z.NEVER;
    })
    .meta({ title: 'window size' });

/** Which earlier window a window is compared with: a number of windows before, or text that says how long before. */
export const previousWindow = () =>
  z
    .union([z.int().min(0).max(MOST_PAST_WINDOWS), z.string()], {
      error: `must be a number of windows from 0 to ${MOST_PAST_WINDOWS}, or a duration such as 7d`,
    })
    .transform((given, context): PreviousRule => {
      // A number from the environment is text, too.
      const windows = typeof given === 'number' || /^\d+$/.test(given) ? Number(given) : undefined;
      if (windows !== undefined && windows <= MOST_PAST_WINDOWS) return { windows };
      const agoMs = windows === undefined ? parseDuration(String(given)) : undefined;
      if (agoMs !== undefined && agoMs >= 1 && agoMs <= LONGEST_MS) return { agoMs };
      context.issues.push({
        code: 'custom',
        input: given,
        message: `${JSON.stringify(given)} is neither a number of windows nor a duration such as 7d`,
      });
      return z.NEVER;
    })
    .meta({ title: 'number of windows or duration' });

/** A whole number of at least `least`. */
export const count = (least = 1, most = 2_147_483_647) => z.int().min(least).max(most);

/** A name for people and for topic names: letters, digits, `.`, `_` and `-`. */
export const name = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, 'must begin with a letter or digit and hold only letters, digits, ".", "_" and "-"');

/** A Kafka topic name (KAFKA-2390: at most 249 characters of `[a-zA-Z0-9._-]`). */
export const topic = () =>
  z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, 'is not a topic name: at most 249 letters, digits, ".", "_" and "-"');

/** A field of the event, written `event.<path.with.dots>`. The value is the path without `event`. */
export const eventField = () =>
  z
    .string()
    .regex(/^event(\.[A-Za-z_][A-Za-z0-9_]*)+$/, 'must name a field of the event, such as event.customerId')
    .transform((text): string[] => text.split('.').slice(1));

/** A file or folder. Relative paths are relative to the pipeline file; the value is what was written. */
export const path = () => z.string().min(1);

/** Topic settings by Kafka's own names, used by `weir topics apply` when it creates the topic. */
export const topicConfig = () =>
  z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
    .default({})
    .describe('Topic settings by Kafka’s own names (such as retention.ms), used when weir topics apply creates the topic.');

/** Files for TLS. */
export const tlsFiles = () =>
  z.strictObject({
    caFile: path().exactOptional().describe('PEM file with the certificates of the authorities to trust; default: those of the system.'),
    certFile: path().exactOptional().describe('PEM file with the client certificate, for mutual TLS.'),
    keyFile: path().exactOptional().describe('PEM file with the key of the client certificate.'),
  });
