import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { WeirError } from './errors.ts';

/** Files for TLS, PEM. */
export interface TlsFiles {
  /** Certificates of the authorities to trust; without it those of the system. */
  readonly caFile?: string;
  /** Certificate of the client, for mutual TLS. */
  readonly certFile?: string;
  /** Key of the client's certificate. */
  readonly keyFile?: string;
}

/** What the files hold, named as `node:tls` names it. */
export interface TlsMaterial {
  ca?: string;
  cert?: string;
  key?: string;
}

/**
 * Reads the files.
 * @param section the part of the configuration that names them, for messages
 * @throws WeirError `config_invalid` when one cannot be read or used
 */
export function readTlsFiles({ caFile, certFile, keyFile }: TlsFiles, section: string): TlsMaterial {
  const material: TlsMaterial = {};
  if (caFile !== undefined) material.ca = readPem(caFile, `${section}.caFile`);
  if (certFile !== undefined) material.cert = readPem(certFile, `${section}.certFile`);
  if (keyFile !== undefined) material.key = readPem(keyFile, `${section}.keyFile`);
  if (material.ca !== undefined && !material.ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new WeirError('config_invalid', `${section}.caFile: ${caFile} holds no certificate in PEM (BEGIN CERTIFICATE).`);
  }
  try {
    createSecureContext(material);
  } catch (cause) {
    const files = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(', ');
    throw new WeirError('config_invalid', `${section}: ${files} cannot be used: ${(cause as Error).message}`, { cause });
  }
  return material;
}

function readPem(path: string, field: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new WeirError('config_invalid', `${field}: cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
