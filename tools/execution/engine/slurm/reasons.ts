// Why a job waits in Slurm's queue, in plain words. Pure.

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^Resources$/, 'waits for nodes with what it needs to come free'],
  [/^Priority$/, 'other jobs go first'],
  [/^(None|)$/, 'was not looked at yet'],
  [/^Dependency$/, 'waits for another job'],
  [/^BeginTime$/, 'may not begin yet'],
  [/^JobHeldUser$/, 'is held (scontrol release lets it go)'],
  [/^JobHeldAdmin$/, 'is held by an administrator'],
  [
    /^launch[_ ]failed[_ ]requeued[_ ]held|^JobLaunchFailure/i,
    'could not be launched, and is held (scontrol release)',
  ],
  [
    /^ReqNodeNotAvail|^Nodes required for job are DOWN/,
    'the nodes it may have are down, drained or reserved',
  ],
  [/^Partition(Down|Inactive)$/, 'its partition is closed'],
  [/^PartitionTimeLimit$/, 'asks for more time than its partition gives: it will not start'],
  [/^PartitionNodeLimit$/, 'asks for more nodes than its partition gives: it will not start'],
  [
    /^(BadConstraints|InvalidQOS|InvalidAccount|AccountNotAllowed)$/,
    'asks for what this cluster does not have: it will not start',
  ],
  [/^Licenses$/, 'waits for a licence'],
  [/^Reservation/, 'waits for its reservation'],
  [/^(QOS|Assoc).*(GRES|Gpu|TRES|Cpu|Mem|Node)/i, 'your share of the cluster is used up for now'],
  [/^(QOS|Assoc).*Submit/i, 'as many jobs as you may submit are in the queue'],
  [/^(QOS|Assoc).*(Jobs|Limit)/i, 'as many jobs as you may run at a time do'],
];

/** `waits for nodes with what it needs to come free (Resources)`. */
export function reasonText(reason: string): string {
  const words = WORDS.find(([pattern]) => pattern.test(reason))?.[1];
  const code = reason === '' || reason === 'None' ? '' : reason;
  if (words === undefined) return `Slurm says: ${code}`;
  return code === '' ? words : `${words} (${code})`;
}
