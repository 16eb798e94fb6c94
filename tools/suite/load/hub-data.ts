// What a suite reads from the hub beside its models: known from suite.yaml and the suite's own task files, without a network.
import type { HubData, Suite } from '../model/suite.js';
import type { TaskMapping } from './task-includes.js';

/** `dataset_path` values that read local files; any other is a name at the hub. As in evaluation/task_files.py. */
const LOCAL_BUILDERS: readonly unknown[] = ['json', 'csv', 'text', 'parquet', 'arrow', 'pandas'];

/** @param taskFiles what the task files of the suite say; undefined for a suite without a directory of them. */
export function hubData(
  suite: Suite,
  taskFiles: readonly TaskMapping[] | undefined,
): Omit<HubData, 'revisions'> | undefined {
  const tasks = hubTasks(suite, taskFiles ?? []);
  const dataset = suite.models[0]?.invarlock.dataset;
  const provider = dataset?.provider === 'local_jsonl' ? undefined : dataset?.provider;
  if (tasks.length === 0 && provider === undefined) return undefined;
  return { tasks, ...(provider === undefined ? {} : { provider }) };
}

/** Tasks that the suite's own files do not define; all of them where one of those files names data of the hub. */
function hubTasks({ benchmarks }: Suite, taskFiles: readonly TaskMapping[]): string[] {
  const wanted = [...new Set(benchmarks.map(({ task }) => task))].sort();
  const defined = new Set<string>();
  let local = true;
  for (const { task, group, tag, dataset_path: path = 'json' } of taskFiles) {
    for (const name of [task, group, tag].flat()) if (typeof name === 'string') defined.add(name);
    local &&= path === null || LOCAL_BUILDERS.includes(path);
  }
  return local ? wanted.filter((task) => !defined.has(task)) : wanted;
}
