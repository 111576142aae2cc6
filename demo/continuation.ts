/** What the demo asks of a model besides answers: to go on with one, and how long a conversation is. */
import {
  type ChatMessage,
  type ChatOptions,
  DeviceLostError,
  DisposedError,
  type Generation,
  InputError,
  type Model,
} from "intab";

/** Without the options that are left to the model. */
export function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/**
 * Goes on with an answer whose beginning is there. A chat template always opens a new answer, so its prompt is taken as
 * tokens (control tokens in messages stay text that way), and the beginning is put behind it.
 */
export async function continued(
  model: Model,
  messages: readonly ChatMessage[],
  before: string,
  options: ChatOptions,
): Promise<{ run: Generation }> {
  const [{ promptIds }, ids] = await Promise.all([
    model.chat(messages, { ...options, maxTokens: 0 }),
    model.tokenize(before),
  ]);
  // those of the chat template have done their part
  const { tools, documents, enableThinking, templateVariables, specialTokens, ...given } = options;
  return { run: model.generate([...promptIds, ...ids], defined(given)) };
}

/** Tokens of a conversation with its marks. 0 where the model's template cannot write it: to answer says why. */
export async function conversationTokens(model: Model, messages: readonly ChatMessage[]): Promise<number> {
  try {
    const text = await model.renderChat(messages);
    return (await model.tokenize(text, { parseSpecial: true })).length;
  } catch (error) {
    // of a model that was replaced meanwhile, or whose GPU is lost, nobody waits for the figure any more
    const gone = error instanceof DisposedError || error instanceof DeviceLostError;
    if (gone || error instanceof InputError) return 0;
    throw error;
  }
}
