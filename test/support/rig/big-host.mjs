// Preloaded into nx and its executors: the memory and the disk of a host this test does not have.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const real = fs.statfsSync;
fs.statfsSync = (...args) => ({ ...real(...args), bsize: 4096, bavail: 20 * 2 ** 28 });
os.totalmem = () => 2 ** 41;
syncBuiltinESMExports();
