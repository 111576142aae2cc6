/** How many positions of the context a conversation takes, before the model has computed it. */
import { type ChatMessage, IntabError, type Model } from "intab";
import type { Settings } from "./catalog.ts";

/** Tokens of the prompt that `chat` would make of these messages; `null` where the model's template makes none. */
export async function promptTokens(
  model: Model,
  messages: readonly ChatMessage[],
  { enableThinking }: Pick<Settings, "enableThinking"> = {},
): Promise<number | null> {
  if (messages.length === 0) return 0;
  try {
    const text = await model.renderChat(messages, enableThinking === undefined ? {} : { enableThinking });
    return (await model.tokenize(text, { addSpecial: false, parseSpecial: true })).length;
  } catch (error) {
    // What is wrong with the messages or the model, the answer itself will say.
    if (error instanceof IntabError) return null;
    throw error;
  }
}
