// Nx ends its processes at once, and with them what a pipe has not taken yet: 64 KiB of a long plan would be all of it.

/** Until everything written so far has left this process. */
export async function drained(): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map(flush));
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve();
    });
  });
}
