import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';

/** The endpoints of the services that `global-setup.ts` started. */
export interface ServiceEndpoints {
  /** Comma separated `host:port`. */
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  /** Base URL for clients of Confluent's schema registry API. */
  readonly registryUrl: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly services: ServiceEndpoints;
  }
}

/** The services of this test run; shared by all test files, so use `uniqueName` for topics, groups, subjects and keys. */
export function services(): ServiceEndpoints {
  return inject('services');
}

/** A name that no other test uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}
