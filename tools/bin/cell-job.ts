// What a job of Slurm runs on its node (engine: slurm): the cell that its directory describes.
import { messageOf } from '../base/message.js';
import { complain } from '../base/text/say.js';
import { runInJob } from '../execution/job/in-job.js';

const [directory = ''] = process.argv.slice(2);
try {
  process.exitCode = (await runInJob(directory)) ? 0 : 1;
} catch (error) {
  complain(messageOf(error));
  process.exitCode = 1;
}
