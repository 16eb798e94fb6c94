// One installation into .venv at a time: that of the locked packages, or of an InvarLock beside them.

/** Loads what it needs of the lock only now: mostly there is nothing to install. */
export async function whileInstalling<T>(
  workspaceRoot: string,
  log: (line: string) => void,
  body: () => Promise<T>,
): Promise<T> {
  const { withLongLock } = await import('../host/long-lock.js');
  const { loadSiteSettings } = await import('../suite/settings/settings.js');
  const lock = {
    ...{ name: 'python-env', path: workspaceRoot, doing: 'is installing it', timeoutMs: 3_600_000, log },
  };
  return withLongLock(loadSiteSettings(workspaceRoot).lockDirectory, lock, body);
}
