// secretlint over a text, with the rules that it recommends.
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';

/**
 * The kinds of secrets that it finds, and how many.
 *
 * @param {string} content
 * @returns {Promise<{ rules: Set<string>, count: number }>}
 */
export async function secretlint(content) {
  const id = '@secretlint/secretlint-rule-preset-recommend';
  const { messages } = await lintSource({
    source: { content, filePath: 'log.txt', ext: '.txt', contentType: 'text' },
    options: { noPhysicFilePath: true, config: { rules: [{ id, rule: creator }] } },
  });
  return { rules: new Set(messages.map(({ ruleId }) => ruleId)), count: messages.length };
}
