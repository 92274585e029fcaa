import { existsSync, type Dirent, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** Folders and file endings that git ignores, out of `.gitignore`: this works without git and on a copy. */
const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean);
const isIgnored = ({ name }: Dirent): boolean =>
  name === '.git' || ignored.some((line) => (line.startsWith('*') ? name.endsWith(line.slice(1)) : name === line.replace(/\/$/, '')));

/** All files of the repository, relative to its root. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (isIgnored(entry)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path);
    return entry.isFile() ? [relative(root, path)] : [];
  });
}

const files = filesIn(root);

/** Line number and text of each line in which the pattern is found. */
function linesWith(pattern: RegExp): string[] {
  return files.flatMap((file) => {
    // Latin 1 keeps every byte: models and data are searched, too.
    const text = readFileSync(join(root, file), 'latin1');
    if (!pattern.test(text)) return [];
    return text.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.slice(0, 200)}`] : []));
  });
}

/** GitHub's anchors of a page: one a heading. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutCode(markdown).matchAll(/^#{1,6}\s+(.*?)\s*$/gm)) {
    const text = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\s-]/gu, '').replaceAll(/\s/g, '-');
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^( *)(```|~~~)[\s\S]*?^\1\2/gm, '');
}

describe('the files of the repository', () => {
  it('are found', () => {
    expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', '.ci/run', join('src', 'cli', 'main.ts')]));
    expect(files.filter((file) => /(^|\/)(node_modules|dist|\.git)\//.test(file))).toEqual([]);
  });

  it('link only to files, and to headings, that exist', () => {
    const broken: string[] = [];
    let links = 0;
    for (const file of files.filter((name) => name.endsWith('.md'))) {
      const text = withoutCode(readFileSync(join(root, file), 'utf8')).replaceAll(/`[^`\n]*`/g, (code) => ' '.repeat(code.length));
      // [text](target), ![image](target), [name]: target
      const targets = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g), ...text.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm)];
      for (const [, target] of targets) {
        if (/^[a-z][a-z0-9+.-]*:/i.test(target!)) continue;
        links++;
        const [path = '', anchor] = decodeURI(target!).split('#');
        const to = path === '' ? join(root, file) : join(root, dirname(file), path);
        if (path.startsWith('/') || relative(root, to).startsWith('..') || !existsSync(to)) broken.push(`${file}: ${target}`);
        else if (anchor && to.endsWith('.md') && !anchorsOf(readFileSync(to, 'utf8')).has(anchor)) broken.push(`${file}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
    expect(links).toBeGreaterThan(20);
  });

  it('name no host of a package registry: which one is used is for the user’s own settings to say', () => {
    const hosts = [
      /registry\.(npmjs\.(org|com)|yarnpkg\.com|npmmirror\.com)/,
      /npm\.pkg\.github\.com/,
      /repo1?\.maven(\.apache)?\.org|maven\.google\.com|packages\.confluent\.io/,
      /files\.pythonhosted\.org|pypi\.org\/simple/,
      /proxy\.golang\.org|index\.crates\.io/,
    ];
    expect(linesWith(new RegExp(hosts.map(({ source }) => source).join('|'), 'i'))).toEqual([]);
  });

  it('name no path of somebody’s machine', () => {
    expect(linesWith(/(?<![\w.~-])\/(home|Users|root|work)\/|\.\.\/shared\b/)).toEqual([]);
  });
});
