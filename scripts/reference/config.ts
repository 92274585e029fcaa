import { fieldSchema, type JsonSchema } from '../../src/config/index.ts';
import { cell, code, GENERATED, markdownTable } from './markdown.ts';

/** `docs/reference/config.md`: every field of `weir.yaml`. */
export function configPage(): string {
  const schema = fieldSchema();
  const sections = Object.entries(schema.properties ?? {});
  const plain = sections.filter(([, section]) => !isNested(section));
  return [
    GENERATED,
    '# weir.yaml',
    '',
    'One file describes one pipeline. `weir check` says whether it is right, with the line of each mistake.',
    '',
    '- Relative paths are relative to the file.',
    '- `${NAME}` is replaced by an environment variable, which must be set; `${NAME:-default}` falls back when it is unset or empty. A field that becomes empty this way counts as absent. `$${` is a literal `${`.',
    '- A duration is a number of milliseconds, or text such as `250ms`, `30s`, `5m`, `1h`, `28d`.',
    '- Unknown keys are errors.',
    '- For completion in an editor, begin the file with `# yaml-language-server: $schema=<path to>/schemas/weir.schema.json`.',
    '',
    fieldTable('', schema, plain),
    ...sections.filter(([, section]) => isNested(section)).flatMap(([key, section]) => sectionPart(key, section, schema)),
    '',
  ].join('\n');
}

function sectionPart(key: string, section: JsonSchema, root: JsonSchema): string[] {
  const needed = root.required?.includes(key) ? ' Required.' : '';
  const parts = ['', `## ${key}`, '', `${cell(section.description ?? '')}${needed}`];
  const { additionalProperties } = section;
  if (typeof additionalProperties !== 'object') return [...parts, '', fieldTable(`${key}.`, section)];
  const prefix = `${key}.<name>.`;
  const branches = additionalProperties.oneOf ?? additionalProperties.anyOf;
  if (!branches) return [...parts, '', fieldTable(prefix, additionalProperties)];
  return [...parts, ...branches.flatMap((branch) => ['', cell(branch.description ?? ''), '', fieldTable(prefix, branch)])];
}

function fieldTable(prefix: string, schema: JsonSchema, entries = Object.entries(schema.properties ?? {})): string {
  const rows = entries.flatMap(([key, field]) => fieldRows(`${prefix}${key}`, field, schema.required?.includes(key) ?? false));
  return markdownTable(['Field', 'Type', 'Default', 'Meaning'], rows);
}

function fieldRows(path: string, field: JsonSchema, isRequired: boolean): string[][] {
  const preset = field.default === undefined ? (isRequired ? '**required**' : '') : defaultText(field);
  const own = [code(path), cell(typeText(field)), isNested(field) && field.properties ? '' : cell(preset), cell(field.description ?? '')];
  const maps = (field.properties ? [field] : (field.anyOf ?? [])).filter((branch) => branch.properties);
  // Of several maps a user writes one: what one of them requires is required in it alone.
  const isChoice = maps.length > 1;
  return [
    own,
    ...maps.flatMap((map) =>
      Object.entries(map.properties ?? {}).flatMap(([key, child]) =>
        fieldRows(`${path}.${key}`, child, !isChoice && (map.required?.includes(key) ?? false)),
      ),
    ),
  ];
}

function defaultText({ title, default: preset }: JsonSchema): string {
  const text = code(JSON.stringify(preset));
  return title === 'duration' && typeof preset === 'number' && preset >= 1_000 ? `${text} (${durationText(preset)})` : text;
}

/** The largest unit that gives a whole number. */
function durationText(ms: number): string {
  const [unit, size] = (Object.entries({ d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 }) as [string, number][]).find(
    ([, each]) => ms % each === 0,
  ) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

const isNested = (schema: JsonSchema): boolean => schema.properties !== undefined || schema.additionalProperties !== undefined;

function typeText(schema: JsonSchema): string {
  if (schema.title === 'duration') return 'duration';
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(', ');
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return [...new Set(branches.map(typeText))].join(' or ');
  if (schema.type === 'array') return `list of ${schema.items ? typeText(schema.items) : 'anything'}`;
  if (schema.type === 'object') return schema.properties ? 'map' : 'map of text';
  if (schema.type === 'integer' || schema.type === 'number') return numberText(schema);
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeText({ type })).join(' or ');
  return schema.type === 'string' ? 'text' : String(schema.type);
}

function numberText({ type, minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const kind = type === 'integer' ? 'whole number' : 'number';
  const isBounded = maximum !== undefined && maximum < 2_147_483_647;
  if (minimum !== undefined && isBounded) return `${kind}, ${minimum} to ${maximum}`;
  if (exclusiveMinimum !== undefined) return `${kind}, above ${exclusiveMinimum}${isBounded ? `, at most ${maximum}` : ''}`;
  return minimum !== undefined && minimum > -2_147_483_648 ? `${kind}, at least ${minimum}` : kind;
}
