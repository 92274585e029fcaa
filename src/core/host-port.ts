/** Where something listens. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; the host may be an IPv6 address, in brackets or not. Undefined for anything else, a URL or credentials among it. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, bracketed, bare, digits] = /^(?:\[([^\s\]/@,]+)\]|([^\s/@,[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return digits !== undefined && port >= 1 && port <= 65_535 ? { host: (bracketed ?? bare)!, port } : undefined;
}
