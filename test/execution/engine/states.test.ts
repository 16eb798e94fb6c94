// What Slurm says, as it said it (22.05, and states that sites have reported), and what it means to a cell.
import { expect, test } from 'vitest';
import { classOf } from '../../../tools/base/fault.js';
import { cleanEnvironment, passesBySelf } from '../../../tools/execution/engine/slurm/commands.js';
import { parseCounted, parseQueue, parseShown } from '../../../tools/execution/engine/slurm/queue.js';
import { reasonText } from '../../../tools/execution/engine/slurm/reasons.js';
import { faultOfEnd, isLive, isRunning } from '../../../tools/execution/engine/slurm/states.js';

const shown = (state: string, exit: string, reason = 'None'): string =>
  `JobId=7 JobName=s.m.x:eval@0 UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=1 Nice=35 JobState=${state} Reason=${reason} Dependency=(null) Requeue=0 Restarts=0 ExitCode=${exit} RunTime=00:00:03 NodeList=node1 BatchHost=node1 NumNodes=1`;

test.each([
  ['OUT_OF_MEMORY', '0:125', 'OutOfMemory', 'host_out_of_memory'],
  ['FAILED', '0:125', 'None', 'host_out_of_memory'],
  ['TIMEOUT', '0:0', 'TimeLimit', 'timeout'],
  ['DEADLINE', '0:0', 'DeadLine', 'timeout'],
  ['NODE_FAIL', '0:0', 'NodeDown', 'node_lost'],
  ['BOOT_FAIL', '0:0', 'None', 'node_lost'],
  ['PREEMPTED', '0:15', 'None', 'node_lost'],
  ['REVOKED', '0:0', 'None', 'node_lost'],
  ['CANCELLED', '0:15', 'None', 'broken'],
  ['FAILED', '143:0', 'NonZeroExitCode', 'broken'],
  ['FAILED', '0:9', 'RaisedSignal:9(Killed)', 'killed'],
  ['FAILED', '137:0', 'NonZeroExitCode', 'killed'],
  ['FAILED', '1:0', 'JobLaunchFailure', 'node_lost'],
  ['FAILED', '127:0', 'NonZeroExitCode', 'environment'],
  ['COMPLETED', '0:0', 'None', 'missing_result'],
])('%s, ExitCode %s, %s is %s', (state, exit, reason, code) => {
  const ended = parseShown('7', shown(state, exit, reason));
  expect(ended).toMatchObject({ job: '7', state, node: 'node1' });
  const fault = faultOfEnd(ended);
  expect(fault.code).toBe(code);
  expect(fault.message).toContain('Slurm job 7 on node1');
  expect(isLive(state)).toBe(false);
});

test('a time limit that was made of what was measured is no time-out: the cell gets all its time anew', () => {
  const fault = faultOfEnd(parseShown('7', shown('TIMEOUT', '0:0', 'TimeLimit')), true);
  expect(fault.code).toBe('time_limit');
  expect(classOf(fault.code)).toBe('lost');
});

test('a job that the controller forgot is what the accounting says, and lost where that knows nothing either', () => {
  expect(parseCounted('7', 'CANCELLED by 0|0:15|node2\n')).toMatchObject({
    state: 'CANCELLED',
    node: 'node2',
    signal: 15,
  });
  expect(faultOfEnd(parseCounted('7', '')).code).toBe('node_lost');
  expect(classOf('node_lost')).toBe('lost');
});

test('a job that is requeued, held or on its way out is still in the queue', () => {
  const live = [
    'PENDING',
    'RUNNING',
    'COMPLETING',
    'CONFIGURING',
    'SUSPENDED',
    'REQUEUED',
    'REQUEUE_HOLD',
    'SPECIAL_EXIT',
  ];
  expect(live.filter(isLive)).toEqual(live);
  expect(live.filter(isRunning)).toEqual(['RUNNING', 'COMPLETING']);
});

test('the queue: lines of jobs, and others', () => {
  const said = [
    '12|PENDING|Resources||/w/output/.slurm/s.m.x--eval/0a1b|s.m.x:eval@00ff',
    'slurm_load_jobs: a warning',
    '13|RUNNING|None|node2|/w/output/.slurm/s.m.y--eval/0a1c|odd|name',
    '14_3|RUNNING|None|node2|/elsewhere|array',
  ].join('\n');
  expect(parseQueue(said)).toEqual([
    {
      ...{ id: '12', state: 'PENDING', reason: 'Resources', node: '' },
      ...{ directory: '/w/output/.slurm/s.m.x--eval/0a1b', name: 's.m.x:eval@00ff' },
    },
    {
      ...{ id: '13', state: 'RUNNING', reason: 'None', node: 'node2' },
      ...{ directory: '/w/output/.slurm/s.m.y--eval/0a1c', name: 'odd|name' },
    },
  ]);
});

test.each([
  ['Resources', 'waits for nodes with what it needs to come free (Resources)'],
  ['None', 'was not looked at yet'],
  ['QOSMaxGRESPerUser', 'your share of the cluster is used up for now (QOSMaxGRESPerUser)'],
  ['AssocMaxJobsLimit', 'as many jobs as you may run at a time do (AssocMaxJobsLimit)'],
  [
    'ReqNodeNotAvail, UnavailableNodes:node1',
    'the nodes it may have are down, drained or reserved (ReqNodeNotAvail, UnavailableNodes:node1)',
  ],
  [
    'launch failed requeued held',
    'could not be launched, and is held (scontrol release) (launch failed requeued held)',
  ],
  [
    'Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions',
    'the nodes it may have are down, drained or reserved (Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions)',
  ],
  [
    'launch_failed_requeued_held',
    'could not be launched, and is held (scontrol release) (launch_failed_requeued_held)',
  ],
  ['BadConstraints', 'asks for what this cluster does not have: it will not start (BadConstraints)'],
])('a job that waits by %s', (reason, words) => {
  expect(reasonText(reason)).toBe(words);
});

test.each([
  ['sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)', true],
  ['slurm_load_jobs error: Unable to contact slurm controller (connect failure)', true],
  ['sbatch: error: Batch job submission failed: Socket timed out on send/recv operation', true],
  ['sbatch: error: QOSMaxSubmitJobPerUserLimit', true],
  [
    "sbatch: error: AssocMaxSubmitJobLimit sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    true,
  ],
  ['sbatch: error: Batch job submission failed: Resource temporarily unavailable', true],
  ['sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying', true],
  ['sbatch: error: Slurm job queue full, sleeping and retrying', true],
  ['sbatch: error: invalid partition specified: nowhere', false],
  ['sbatch: error: Batch job submission failed: Requested node configuration is not available', false],
  [
    'sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified',
    false,
  ],
])('%s: asked again: %s', (said, again) => {
  expect(passesBySelf(said)).toBe(again);
});

test('what an allocation around the head says of itself reaches no job', () => {
  const environment = {
    ...{ HOME: '/h', HF_TOKEN: 't', SLURM_CONF: '/c', SLURM_JOB_ID: '7', SLURM_GPUS_PER_NODE: '2' },
    ...{ SBATCH_REQUEUE: '1', CUDA_VISIBLE_DEVICES: '0', VALIDATION_DEADLINE: '2030-01-01T00:00:00Z' },
  };
  const clean = cleanEnvironment(environment);
  expect(clean).toMatchObject({ HOME: '/h', HF_TOKEN: 't', SLURM_CONF: '/c', SLURM_TIME_FORMAT: 'standard' });
  expect(
    Object.keys(clean).filter((name) => /^(SLURM_JOB|SLURM_GPUS|SBATCH|CUDA|VALIDATION)/.test(name)),
  ).toEqual([]);
});
