// The repository under test, for tests that read its files or start its compiled programs, wherever they lie.
import { join } from 'node:path';

export const REPOSITORY = join(import.meta.dirname, '..', '..');
/** Helpers of tests, some of them programs of their own. */
export const SUPPORT = import.meta.dirname;
/** The compiled tools. */
export const DIST = join(REPOSITORY, 'tools', 'dist');
