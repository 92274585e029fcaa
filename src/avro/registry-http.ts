import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';

/** Where a registry is and how to get in. */
export interface RegistryEndpoint {
  /**
   * Base URL with its path, for example `https://registry/apis/ccompat/v7`. User and password may be part of it
   * (`https://user:password@registry`).
   */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** Limit of one request, body included. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** An answer of the registry, or what went wrong on its side of the line between "no such thing" and "no registry". */
export interface RegistryAnswer {
  /** 200-299, or 404, 409 and 422, which callers tell apart. */
  readonly status: number;
  /** The parsed body; undefined when it is not JSON. */
  readonly json: unknown;
  /** `error_code` of the body as a number, also when it was written as text; NaN without one. */
  readonly errorCode: number;
  /** `METHOD path → status "message"` for error texts. No host, no credentials. */
  readonly summary: string;
}

/** One HTTP exchange with the registry. */
export interface RegistryHttp {
  /** Base of Confluent's API: the configured URL without a trailing slash and without credentials. */
  readonly base: string;
  /** Base of Apicurio's own API, version 3: `…/apis/registry/v3` beside the configured `…/apis/…` path. */
  readonly nativeBase: string;
  /**
   * @param url absolute, under one of the bases
   * @throws WeirError `registry_unavailable` (connection, time-out, 429, 5xx), `not_authorized` (401, 403) or
   *   `config_invalid` (any other status: the URL is not a registry's)
   */
  request(method: 'GET' | 'POST', url: string, body?: object): Promise<RegistryAnswer>;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Creates the HTTP half of the registry client over `fetch`. @throws WeirError `config_invalid` when the URL is none */
export function createRegistryHttp(endpoint: RegistryEndpoint): RegistryHttp {
  const { base, authorization } = parseEndpoint(endpoint);
  const { timeoutMs, clock } = endpoint;

  const request: RegistryHttp['request'] = async (method, url, body) => {
    const what = `${method} ${new URL(url).pathname}`;
    const abort = new AbortController();
    const cancel = clock.after(timeoutMs, () => abort.abort());
    let status: number;
    let text: string;
    try {
      const response = await fetch(url, {
        method,
        signal: abort.signal,
        headers: {
          // Confluent's type first; whatever comes back is read as JSON regardless of its type.
          accept: 'application/vnd.schemaregistry.v1+json, application/json;q=0.9, */*;q=0.5',
          ...(authorization ? { authorization } : {}),
          ...(body ? { 'content-type': 'application/vnd.schemaregistry.v1+json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      status = response.status;
      text = await readBody(response);
    } catch (error) {
      const reason = abort.signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error);
      throw new WeirError('registry_unavailable', `Schema registry: ${what} failed: ${reason}.`, { cause: error });
    } finally {
      cancel();
    }
    return classify(what, status, parseJson(text));
  };

  return { base, nativeBase: nativeBaseOf(base), request };
}

function classify(what: string, status: number, json: unknown): RegistryAnswer {
  const message = typeof json === 'object' && json !== null ? (field(json, 'message') ?? field(json, 'title')) : undefined;
  const summary = `${what} → ${status}${typeof message === 'string' ? ` "${message.slice(0, 300)}"` : ''}`;
  const answer = { status, json, errorCode: Number(field(json, 'error_code') ?? Number.NaN), summary };
  if (status >= 200 && status < 300) return answer;
  if (status === 404 || status === 409 || status === 422) return answer;
  if (status === 401 || status === 403) {
    throw new WeirError('not_authorized', `Schema registry: ${summary}. Check registry.username and registry.password.`);
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    throw new WeirError('registry_unavailable', `Schema registry: ${summary}.`);
  }
  throw new WeirError('config_invalid', `Schema registry: ${summary}. Check registry.url; its path must be kept (as in /apis/ccompat/v7).`);
}

function parseEndpoint({ url, username, password }: RegistryEndpoint): { base: string; authorization: string | undefined } {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new WeirError('config_invalid', 'registry.url is not a URL.');
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new WeirError('config_invalid', `registry.url must begin with http:// or https://, not ${parsed.protocol}//.`);
  }
  const user = username ?? decodeURIComponent(parsed.username);
  const secret = password ?? decodeURIComponent(parsed.password);
  // fetch refuses URLs with credentials, so they travel as a header.
  const base = `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '');
  const authorization = user || secret ? `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` : undefined;
  return { base, authorization };
}

function nativeBaseOf(base: string): string {
  if (/\/apis\/registry\/v\d+$/.test(base)) return base;
  const at = base.indexOf('/apis/', new URL(base).origin.length);
  return `${at < 0 ? base : base.slice(0, at)}/apis/registry/v3`;
}

async function readBody(response: Response): Promise<string> {
  if (!response.body) return '';
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new Error(`the answer is larger than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A property of a parsed JSON value; undefined when the value is no object or lacks it. */
export function field(json: unknown, name: string): unknown {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[name] : undefined;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed" and keeps the reason in `cause`.
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? `${cause.code} ${cause.message}` : cause.message;
  return error.message;
}
