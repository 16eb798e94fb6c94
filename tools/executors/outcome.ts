// How an executor that is no cell ends: well, or with one line that says what failed.
import { complain } from '../base/text/say.js';
import { drained } from '../base/drained.js';
import { messageOf } from '../base/message.js';

export interface Outcome {
  success: boolean;
}

/** @param body false: it did not succeed, and has said so; what it throws is said in a line that begins with `what`. */
export async function outcomeOf(what: string, body: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { success: (await body()) !== false };
  } catch (error) {
    complain(`${what}: ${messageOf(error)}`);
    return { success: false };
  } finally {
    await drained();
  }
}
