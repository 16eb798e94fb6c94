import { expect, test } from 'vitest';
import { parseDriver } from '../../../tools/monitoring/doctor/driver.js';

const heading = (middle: string): string =>
  `Tue Nov 25 05:00:00 2025\n+-------+\n| ${middle} |\n|-------+\n| GPU  Name   Persistence-M |\n`;

test.each([
  ['NVIDIA-SMI 550.54.15       Driver Version: 550.54.15      CUDA Version: 12.4    ', '550.54.15', '12.4'],
  ['NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4     ', '470.82.01', '11.4'],
  ['NVIDIA-SMI 590.44.01      Driver Version: 590.44.01     CUDA UMD Version: 13.1  ', '590.44.01', '13.1'],
  ['NVIDIA-SMI 550.54.15       Driver Version: 550.54.15      CUDA Version: N/A    ', '550.54.15', null],
])('%s', (middle, version, cuda) => {
  expect(parseDriver(heading(middle))).toEqual({ version, cuda });
});

test('what names no driver is none', () => {
  for (const text of ['', 'No devices were found', heading('Driver Version: N/A')]) {
    expect(parseDriver(text)).toBeUndefined();
  }
});
