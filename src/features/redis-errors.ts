import { WeirError } from '../core/errors.ts';

/** First word of Redis error replies that waiting may cure: the server starts, fails over, or is out of something. */
const PASSING = new Set([
  'LOADING',
  'READONLY',
  'CLUSTERDOWN',
  'MASTERDOWN',
  'NOREPLICAS',
  'TRYAGAIN',
  'BUSY',
  'BUSYKEY',
  'MISCONF',
  'OOM',
]);

/** First word of Redis error replies that somebody must act upon. */
const REFUSING = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM', 'DENIED', 'MOVED', 'ASK', 'CROSSSLOT', 'WRONGTYPE', 'NOPROTO']);

const REFUSING_TEXT =
  /^ERR (this instance has cluster support disabled|no such master|invalid password|client sent auth|auth |wrong number of arguments for 'auth'|.*db index|select is not allowed)/i;
const PASSING_TEXT = /^ERR (max number of clients|.*server is (loading|shutting))/i;

/** Codes of Node's socket and DNS errors that waiting may cure. */
const PASSING_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EMFILE',
  'ENOENT',
]);

/** What ioredis says itself when there is no connection, or it is lost with commands under way. */
const DISCONNECTED =
  /^(timeout$|Node is disconnected|Failed to refresh slots cache|All sentinels are unreachable|Cluster isn't ready|Cluster is |None of startup nodes|Too many Cluster redirections|Connection is closed|Stream isn't writeable|Command aborted due to connection close|Command timed out|Socket timeout|connect ETIMEDOUT|Reached the max retries)/;

/** A call that took longer than its deadline. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** True for a reply that says that one key holds another type than the command needs. */
export function isWrongType(error: Error): boolean {
  return error.message.startsWith('WRONGTYPE');
}

/**
 * Turns what ioredis, the socket or the deadline threw into an error of the table: `store_unavailable` when waiting may
 * cure it, `store_misconfigured` when it cannot, `unknown` (fatal) for everything not listed here.
 * @param store names the store in the message; without password
 */
export function storeErrorFrom(thrown: unknown, store: string): WeirError {
  if (thrown instanceof WeirError) return thrown;
  if (!(thrown instanceof Error)) return new WeirError('unknown', `Redis at ${store}: ${String(thrown)}`);
  // What the last node of a cluster said counts, not that it was the last.
  if ('lastNodeError' in thrown && thrown.lastNodeError instanceof Error) return storeErrorFrom(thrown.lastNodeError, store);
  const { name } = thrown;
  const message = wordsOf(thrown.message);
  const code = 'code' in thrown ? String(thrown.code) : '';
  const said = thrown.message.startsWith('All sentinels') ? 'by the last sentinel: ' : '';
  const detail = `Redis at ${store}: ${said}${message || code}${hintFor(message)}`;
  // Only the message goes on: the error of a reply carries the arguments of its command, which are keys.
  const cause = new Error(`${name}: ${message || code}`);
  if (thrown instanceof DeadlineError || PASSING_CODES.has(code)) return new WeirError('store_unavailable', detail, { cause });
  if (name === 'ReplyError' || /^[A-Z]+ /.test(message)) {
    const word = message.slice(0, Math.max(0, message.indexOf(' ')));
    if (PASSING.has(word) || PASSING_TEXT.test(message)) return new WeirError('store_unavailable', detail, { cause });
    if (REFUSING.has(word) || REFUSING_TEXT.test(message)) return new WeirError('store_misconfigured', detail, { cause });
  }
  if (name === 'AbortError' || name === 'MaxRetriesPerRequestError' || DISCONNECTED.test(message)) {
    return new WeirError('store_unavailable', detail, { cause });
  }
  // Something answers there, but it is not Redis, or not over this kind of connection.
  if (name === 'ParserError' || /^(ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)) {
    return new WeirError('store_misconfigured', detail, { cause });
  }
  return new WeirError('unknown', detail, { cause });
}

/** What a server said, of what ioredis makes of it. */
function wordsOf(message: string): string {
  const [, sentinel] = /^All sentinels are unreachable.* Last error: (.+)$/.exec(message) ?? [];
  return (sentinel ?? message).replace(/^Ready check failed: /, '');
}

function hintFor(message: string): string {
  if (/^(MOVED|ASK|CROSSSLOT) /.test(message)) return '; the server is a node of a cluster: configure cluster in place of url';
  if (message.startsWith('CLUSTERDOWN ')) return '; look at CLUSTER INFO and CLUSTER NODES';
  if (/^ERR this instance has cluster support disabled/i.test(message))
    return '; it is a server of its own: configure url in place of cluster';
  return '';
}
