// The Nx plugin: after every run that touched a suite, its verdict is written and shown, whole or not, failed or not.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PostTasksExecution } from '@nx/devkit';

export const name = 'validation-suite';

export const postTasksExecution: PostTasksExecution = async (_options, context) => {
  const tasks = Object.values(context.taskResults).map(({ task }) => task.target);
  // Asked for alone, the target has said all there is to say.
  if (tasks.length === 1 && tasks[0]?.target === 'verdict') return;
  const projects = tasks.map(({ project }) => project);
  const suites = new Set(
    projects
      .map((project) => project.split('.')[0] ?? '')
      .filter((suite) => existsSync(join(context.workspaceRoot, 'suites', suite, 'project.json'))),
  );
  if (suites.size === 0) return;
  const { judgeSuite } = await import('./results/judge.js');
  const { messageOf } = await import('./base/message.js');
  for (const suite of suites) {
    try {
      const { lines } = await judgeSuite(context.workspaceRoot, suite);
      console.log(`\n${lines.join('\n')}`);
    } catch (error) {
      // A verdict that cannot be written must not hide what the run itself said.
      console.error(`\nverdict of ${suite} failed: ${messageOf(error)}`);
    }
  }
};
