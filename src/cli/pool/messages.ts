/** What the supervisor of a pool and its workers tell each other, as JSON over the channel that Node.js gives to a child process. */
import type { GroupMemberId } from '../../app/pool-place.ts';
import { type ErrorCode, ERROR_TABLE } from '../../core/errors.ts';

/** A worker says how it is: every `STATE_EVERY_MS`, which is its sign of life as well. */
export interface StateMessage {
  readonly kind: 'state';
  readonly ready: boolean;
  /** What it waits for. */
  readonly reasons: readonly string[];
  /** What it is in its consumer groups; one that it is not in at the moment is left out. */
  readonly members: readonly GroupMemberId[];
}

/** A worker's page of metrics, as the answer to a question. */
export interface MetricsMessage {
  readonly kind: 'metrics';
  /** That of the question. */
  readonly id: number;
  readonly page: string;
}

/** A worker is about to end with an error, which the supervisor will tell. */
export interface FailedMessage {
  readonly kind: 'failed';
  readonly code: ErrorCode;
  readonly message: string;
}

/** A worker has settled everything and is about to end. */
export interface DrainedMessage {
  readonly kind: 'drained';
}

/** From a worker to its supervisor. */
export type FromWorker = StateMessage | MetricsMessage | FailedMessage | DrainedMessage;

/** From the supervisor to a worker: asks for its page of metrics. */
export interface ScrapeMessage {
  readonly kind: 'scrape';
  readonly id: number;
}

/** A worker says this often how it is. */
export const STATE_EVERY_MS = 1_000;

/** The message, or undefined when it is none of a worker: nothing that a child writes may harm the supervisor. */
export function fromWorker(message: unknown): FromWorker | undefined {
  if (!isObject(message)) return undefined;
  const { kind, ready, reasons, members, id, page, code, message: text } = message;
  if (kind === 'state' && typeof ready === 'boolean' && isTexts(reasons)) {
    return { kind, ready, reasons, members: groupMembers(members) };
  }
  if (kind === 'metrics' && typeof id === 'number' && typeof page === 'string') return { kind, id, page };
  if (kind === 'failed' && isErrorCode(code) && typeof text === 'string') return { kind, code, message: text };
  return kind === 'drained' ? { kind } : undefined;
}

/** The message, or undefined when it is none of a supervisor. */
export function fromSupervisor(message: unknown): ScrapeMessage | undefined {
  if (!isObject(message)) return undefined;
  const { kind, id } = message;
  return kind === 'scrape' && typeof id === 'number' ? { kind, id } : undefined;
}

/** Those in a list that are members of groups, and nothing else of it. */
export function groupMembers(list: unknown): GroupMemberId[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const { groupId, memberId } = isObject(entry) ? entry : {};
    return typeof groupId === 'string' && typeof memberId === 'string' ? { groupId, memberId } : [];
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value);
}
