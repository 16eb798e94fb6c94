// A sample of what nvidia-smi may do (test/host/smi-table.ts), in front of real executors.
import { expect, test } from 'vitest';
import { LeaseRig, until } from '../../support/lease/rig.js';
import { scriptOf } from '../../host/smi-rows.js';
import { SMI_TABLE } from '../../host/smi-table.js';

const TIMEOUT = { timeout: 120_000 };
const UUIDS = ['aaaaaaaa', 'aaaabbbb'].map((name) => `GPU-${name}-1111-2222-3333-444444444444`);

const sample = SMI_TABLE.filter(({ settings, instead, gpus }) => {
  const isSlow = /sleep|yes/.test(gpus.first ?? '');
  return settings === undefined && instead === undefined && !isSlow;
}).filter((_, at) => at % 4 === 0);

test('executors do with each of a sample what the table says', TIMEOUT, async () => {
  await Promise.all(
    sample.map(async (row) => {
      await using rig = new LeaseRig(1);
      rig.gpus.script(scriptOf(row));
      const executor = rig.start('cell', { needs: { pool: UUIDS } });
      const idle = typeof row.expected === 'string' ? [] : (row.expected.idle ?? []);
      if (idle.length > 0) {
        const { gpus } = await executor.until('granted');
        expect(
          idle.map((index) => UUIDS[index]),
          row.does,
        ).toContain(gpus?.[0]);
        executor.release();
        await executor.until('released');
        return;
      }
      await until(() => executor.lines.some((line) => line.startsWith('waiting')));
      expect(executor.said('granted'), row.does).toBeUndefined();
      expect(executor.said('failed'), row.does).toBeUndefined();
      if (row.told !== undefined) expect(executor.lines.join('\n')).toContain(row.told);
    }),
  );
});
