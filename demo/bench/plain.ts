import type { GenerateOptions } from "intab";

/** What every timed request asks for: greedy, on past end-of-turn tokens, its prompt computed. */
export const plain = (signal: AbortSignal | undefined, maxTokens: number): GenerateOptions => ({
  temperature: 0,
  ignoreEndOfTurn: true,
  cachePrompt: false,
  maxTokens,
  ...(signal ? { signal } : {}),
});
