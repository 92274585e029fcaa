import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type PipelineConfig, parsePipeline } from '../../../src/config/index.ts';
import { WeirError } from '../../../src/core/errors.ts';

/** A pipeline file without anything that has a default. */
export const MINIMAL = `name: flights
kafka: {brokers: "a:1, b:2"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model}
`;

/** Parses files in a folder with what `MINIMAL` names. */
export interface Parsing {
  readonly folder: string;
  parse(text: string, env?: Record<string, string>): PipelineConfig;
  /** The findings without the file name. */
  findings(text: string, env?: Record<string, string>): string[];
}

/** Makes the folder for the tests of a file. */
export function parsing(): Parsing {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-config-'));
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'model.yaml'), '');
    writeFileSync(join(folder, 'event.avsc'), '{}');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const parse: Parsing['parse'] = (text, env = {}) => parsePipeline(text, join(folder, 'weir.yaml'), env);
  return {
    get folder() {
      return folder;
    },
    parse,
    findings(text, env) {
      try {
        parse(text, env);
      } catch (thrown) {
        if (!(thrown instanceof WeirError)) throw thrown;
        expect(thrown.code).toBe('config_invalid');
        return thrown.message.split('\n').map((line) => line.slice(line.indexOf('weir.yaml:') + 'weir.yaml:'.length));
      }
      return [];
    },
  };
}

/** MINIMAL with one section replaced or added. */
export const withSection = (section: string): string => {
  const key = section.slice(0, section.indexOf(':') + 1);
  return [...MINIMAL.split('\n').filter((line) => !line.startsWith(key)), section].join('\n');
};
