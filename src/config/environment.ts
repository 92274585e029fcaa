import type { YamlDocument } from '../yaml/document.ts';

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Data whose `${NAME}` references are replaced. */
export interface Expanded {
  readonly data: unknown;
  /** Places whose text came from the environment, as `JSON.stringify(path)`. Their text may stand for a number or boolean. */
  readonly places: ReadonlySet<string>;
  /** References that cannot be resolved. */
  readonly problems: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}

// `$${` is a literal `${`; `${NAME}` must be set; `${NAME:-text}` falls back when NAME is unset or empty, as in sh.
const REFERENCE = /\$\$\{|\$\{([^}:]*)(?::-([^}]*))?([^}]*)\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in all strings of a document. A map entry whose whole value becomes empty
 * is left out, so that `password: "${PASSWORD:-}"` means none.
 */
export function expandEnvironment(data: YamlDocument['data'], env: Environment): Expanded {
  const places = new Set<string>();
  const problems: { path: readonly PropertyKey[]; message: string }[] = [];

  const expandText = (text: string, path: readonly PropertyKey[]): string =>
    text.replaceAll(REFERENCE, (whole, name?: string, fallback?: string, rest?: string) => {
      if (name === undefined) return '${';
      if (!NAME.test(name) || rest !== '') {
        problems.push({ path, message: `${whole} is not a reference to an environment variable; write \${NAME} or \${NAME:-default}` });
        return '';
      }
      const value = env[name];
      if (value !== undefined && (value !== '' || fallback === undefined)) return value;
      if (fallback !== undefined) return fallback;
      problems.push({ path, message: `environment variable ${name} is not set; set it, or write \${${name}:-default}` });
      return '';
    });

  const walk = (value: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof value === 'string') {
      if (!value.includes('${')) return value;
      const found = problems.length;
      const expanded = expandText(value, path);
      places.add(JSON.stringify(path));
      // With a problem the text stays as it was, so that nothing is said twice of one place.
      return problems.length > found ? value : expanded;
    }
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]): [string, unknown] => [key, walk(item, [...path, key])]);
    return Object.fromEntries(entries.filter(([key, item]) => item !== '' || !places.has(JSON.stringify([...path, key]))));
  };
  return { data: walk(data, []), places, problems };
}

/** The scalar that a text from the environment stands for where text is not wanted: a number, a boolean, or undefined when it is neither. */
export function scalarOf(text: string): number | boolean | undefined {
  if (text === 'true') return true;
  if (text === 'false') return false;
  return /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text) ? Number(text) : undefined;
}
