// What an installation says of itself: to the nx process that shows it while it lasts, and is not recorded with a cell's
// results; where there is none, to whoever installs.
import { tellLive, type Log } from '../base/text/live-lines.js';

/** The project of python-env: its lines are shown whatever was asked for. */
export const INSTALLER = 'tools';

export function tellInstalling(log: (line: string) => void): Log {
  return (line, when) => {
    const told = { from: INSTALLER, text: `python-env: ${line}` };
    const isHeard = tellLive(when === 'now' ? { ...told, passing: true } : told);
    if (!isHeard && when !== 'now') log(told.text);
  };
}
