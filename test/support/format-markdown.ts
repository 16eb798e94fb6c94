// Markdown as prettier of this repository writes it: for pages that are made, and compared with what stands there.
import { format, resolveConfig } from 'prettier';
import { join } from 'node:path';
import { REPOSITORY } from './repository.js';

export async function formatMarkdown(text: string): Promise<string> {
  const path = join(REPOSITORY, 'docs/page.md');
  return format(text, { ...(await resolveConfig(path)), filepath: path });
}
