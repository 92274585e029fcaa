import { z } from 'zod';
import { count } from '../scalars.ts';

/** `ops`: probes, metrics and logs. */
export const opsSection = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; 0.0.0.0 in a container.'),
    port: count(0, 65_535).default(9_464).describe('Port of /livez, /readyz and /metrics; 0: any free port, which the log then names.'),
    logLevel: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('Least severe level to log. LOG_LEVEL in the environment wins.'),
  })
  .prefault({})
  .describe('Probes, metrics and logs.');
