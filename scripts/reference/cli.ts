import type { Command } from 'commander';
import { createProgram, ENVIRONMENT, EXIT_CODE_HELP } from '../../src/cli/program.ts';
import { plain, type Terminal } from '../../src/cli/terminal.ts';
import { cell, code, GENERATED, markdownTable } from './markdown.ts';

const silent: Terminal = { env: {}, style: plain, out: () => {}, err: () => {}, progress: () => {} };

/** `docs/reference/cli.md`: every command with its help. */
export function cliPage(): string {
  const program = createProgram(silent);
  return [
    GENERATED,
    '# Command line',
    '',
    program.description(),
    '',
    '## Exit codes',
    '',
    markdownTable(
      ['Code', 'Meaning'],
      Object.entries(EXIT_CODE_HELP).map(([key, text]) => [key, cell(text)]),
    ),
    '',
    '## Environment',
    '',
    markdownTable(
      ['Variable', 'Meaning'],
      Object.entries(ENVIRONMENT).map(([key, text]) => [code(key), cell(text)]),
    ),
    '',
    ...leaves(program, 'weir').flatMap(([name, command]) => [`## ${name}`, '', '```', helpOf(command), '```', '']),
  ].join('\n');
}

/** Commands that do something, with their full names. */
function leaves(command: Command, name: string): [string, Command][] {
  return command.commands.flatMap((child): [string, Command][] => {
    const childName = `${name} ${child.name()}`;
    return child.commands.length > 0 ? leaves(child, childName) : [[childName, child]];
  });
}

function helpOf(command: Command): string {
  let text = '';
  // The width of whoever generates must not show in the page.
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 100, getOutHasColors: () => false });
  command.outputHelp();
  return text.trim();
}
