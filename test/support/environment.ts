// Variables of this process for some tests, and what they were before for all others.

/** They are put back one by one: vitest's own stubs are of this `process.env`, and of no copy of it. */
export function setEnvironment(variables: NodeJS.ProcessEnv): Disposable {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- of a name that was not there before
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    },
  };
}
