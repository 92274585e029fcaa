import { readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { z } from 'zod';
import { WeirError } from '../core/errors.ts';
import { type Finding, findingsFromZod, formatFindings, loadYaml, type YamlDocument } from '../yaml/document.ts';
import { type Environment, type Expanded, expandEnvironment, scalarOf } from './environment.ts';
import { finishPipeline, type PipelineConfig } from './finish.ts';
import { pipelineSchema, type PipelineFile } from './pipeline-schema.ts';
import { checkRules, type ValidSections } from './rules.ts';

/** A pipeline with the text it came from, for findings of later checks. */
export interface LoadedPipeline {
  readonly config: PipelineConfig;
  /** The text with its positions, before variables were expanded. */
  readonly document: YamlDocument;
}

/**
 * Reads a pipeline file: expands the environment, validates everything, applies all defaults and makes paths absolute.
 * @param path the file, as the user named it; findings carry this name
 * @param env environment variables for `${NAME}`, and LOG_LEVEL
 * @throws WeirError `config_invalid` with every finding as `file:line:column: text`, one a line
 */
export function loadPipelineFile(path: string, env: Environment): PipelineConfig {
  return openPipelineFile(path, env).config;
}

/** As `loadPipelineFile`, and keeps the positions. For `weir check`. */
export function openPipelineFile(path: string, env: Environment): LoadedPipeline {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : (cause as Error).message;
    throw new WeirError('config_invalid', `${path}: ${reason}`, { cause });
  }
  return parse(text, path, env);
}

/** The same from a text. @param path where the text would stand: relative paths are relative to its folder */
export function parsePipeline(text: string, path: string, env: Environment): PipelineConfig {
  return parse(text, path, env).config;
}

function parse(text: string, path: string, env: Environment): LoadedPipeline {
  const doc = loadYaml(text, shortest(path));
  const folder = dirname(path);
  const findings: Finding[] = doc.findings.filter((finding) => finding.severity === 'error');
  if (findings.length > 0) throw invalid(findings);
  if (typeof doc.data !== 'object' || doc.data === null || Array.isArray(doc.data))
    throw invalid([doc.finding([], 'the file must hold a map with at least name, kafka, input and model')]);

  const expanded = expandEnvironment(doc.data, env);
  for (const { path: place, message } of expanded.problems) findings.push(doc.finding(place, message));
  const told = new Set(findings.map(placeOf));

  const { data, error, success } = parseExpanded(expanded);
  if (!success) findings.push(...findingsFromZod(withoutNoise(error, expanded), doc, pipelineSchema));
  const sections = success ? data : validSections(expanded.data);
  for (const { path: place, message } of checkRules(sections, folder)) {
    const finding = doc.finding(place, message);
    if (!told.has(placeOf(finding))) findings.push(finding);
  }
  if (findings.length > 0 || !success) throw invalid(sorted(findings));
  return { config: withLogLevel(finishPipeline(data, folder), env, doc), document: doc };
}

/** Text from the environment is text or a number or a boolean: whichever the schema wants. */
function parseExpanded({ data, places }: Expanded): z.ZodSafeParseResult<PipelineFile> {
  const first = pipelineSchema.safeParse(data);
  if (first.success || places.size === 0) return first;
  let hasChanged = false;
  const retyped = structuredClone(data);
  for (const { path } of first.error.issues) {
    if (!places.has(JSON.stringify(path))) continue;
    const parent = path.slice(0, -1).reduce((value, key) => (value as Record<PropertyKey, unknown>)[key], retyped) as Record<
      PropertyKey,
      unknown
    >;
    const key = path.at(-1)!;
    const scalar = scalarOf(String(parent[key]));
    if (scalar === undefined) continue;
    parent[key] = scalar;
    hasChanged = true;
  }
  return hasChanged ? pipelineSchema.safeParse(retyped) : first;
}

/** A place whose variable is missing has been spoken of; what the schema thinks of its raw text, or of a list with it, is noise. */
function withoutNoise(error: z.ZodError<PipelineFile>, { problems }: Expanded): z.ZodError {
  const isNoise = ({ code, path }: z.core.$ZodIssue): boolean =>
    code !== 'unrecognized_keys' && path.length > 0 && problems.some((problem) => path.every((part, i) => problem.path[i] === part));
  return new z.ZodError(error.issues.filter((issue) => !isNoise(issue)));
}

/** The sections that are right by themselves, so that the rules between them can speak although others are wrong. */
function validSections(data: unknown): ValidSections {
  const sections: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(pipelineSchema.shape)) {
    const result = (schema as z.ZodType).safeParse((data as Record<string, unknown>)[key]);
    // A registry that is there but wrong is still there: nobody should be told to add one.
    if (result.success ? result.data !== undefined : key === 'registry') sections[key] = result.data;
  }
  return sections as ValidSections;
}

function withLogLevel(config: PipelineConfig, env: Environment, doc: YamlDocument): PipelineConfig {
  const level = env['LOG_LEVEL'];
  if (level === undefined || level === '') return config;
  const schema = pipelineSchema.shape.ops.unwrap().shape.logLevel;
  const result = schema.safeParse(level.toLowerCase());
  if (!result.success) throw invalid([doc.finding(['ops', 'logLevel'], `LOG_LEVEL is ${level}; it must be debug, info, warn or error`)]);
  return { ...config, ops: { ...config.ops, logLevel: result.data } };
}

const placeOf = ({ line, column }: Finding): string => `${line}:${column}`;

function sorted(findings: Finding[]): Finding[] {
  return findings.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

function invalid(findings: readonly Finding[]): WeirError {
  return new WeirError('config_invalid', formatFindings(findings));
}

/** The shorter of the path as given and the path from here: what an editor opens with a click. */
function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length && !fromHere.startsWith('..') ? fromHere : path;
}
