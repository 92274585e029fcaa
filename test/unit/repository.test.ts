import { describe, expect, it } from 'vitest';
import { REPOSITORY_CHECKS, runCheck } from '../../scripts/checks.ts';

/** What `npm run check` holds of the repository is held here, too: continuous integration runs the tests alone. */
describe('the repository', () => {
  it.each(REPOSITORY_CHECKS)('$name', async (check) => {
    const { exitCode, output } = await runCheck(check);
    expect(exitCode, `${check.command} ${check.args.join(' ')}\n${output}`).toBe(0);
  });
});
