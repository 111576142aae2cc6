/**
 * The chat template of a model file (`tokenizer.chat_template`, Jinja), rendered as Hugging Face transformers does:
 * trim_blocks, lstrip_blocks, `raise_exception`, `strftime_now`, and the special tokens as variables.
 *
 * Control tokens in the rendered text are parsed as such, those in a user's message too: this is what the reference
 * does and what the golden files hold. An app whose users must not be able to write `<|im_end|>` has to take such
 * text out of the messages before.
 */
import { Template } from "@huggingface/jinja";
import { InputError } from "../errors.ts";
import type { ChatMessage } from "../types.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A message as the template sees it. Most templates ask for `role` and `content`. */
export type TemplateMessage = ChatMessage | { readonly role: string; readonly [field: string]: unknown };

export interface RenderOptions {
  /** End with the mark that starts the assistant's answer. Default true. */
  addGenerationPrompt?: boolean;
  /** Further variables of the template, such as `tools`, `documents` or `enable_thinking`. */
  variables?: Readonly<Record<string, unknown>>;
}

export interface ChatTemplate {
  /** The template's source; `null` where the file has none and none was given. */
  readonly source: string | null;
  /** Messages to prompt text. Throws `InputError`: `chat-template` (none, or it failed), `messages` (not usable). */
  render(messages: readonly TemplateMessage[], options?: RenderOptions): string;
  /** Messages to prompt ids, with the beginning-of-text token once where the model wants it. */
  encode(messages: readonly TemplateMessage[], options?: RenderOptions): number[];
}

/** Whether the file brings a chat template. */
export function hasChatTemplate(metadata: Readonly<Record<string, unknown>>): boolean {
  return typeof metadata["tokenizer.chat_template"] === "string";
}

/**
 * The file's chat template, or the one given in its stead. It is parsed at the first use: a model whose template is
 * missing or broken still generates from plain text.
 */
export function createChatTemplate(
  metadata: Readonly<Record<string, unknown>>,
  tokenizer: Tokenizer,
  { template }: { template?: string | undefined } = {},
): ChatTemplate {
  const source = template ?? (hasChatTemplate(metadata) ? String(metadata["tokenizer.chat_template"]) : null);
  const specialTokens = tokenVariables(tokenizer);
  let parsed: Template | undefined;

  const render: ChatTemplate["render"] = (messages, { addGenerationPrompt = true, variables = {} } = {}) => {
    checkMessages(messages);
    if (source === null) {
      throw new InputError(
        "chat-template",
        "The model file has no chat template (tokenizer.chat_template). " +
          "Use generate() with a prompt of your own, or load a file that has a template, such as an Instruct model.",
      );
    }
    // The template is the file author's program and this library its interpreter: whatever either throws is the
    // template's failure, most often a raise_exception that tells the caller what it wants.
    try {
      parsed ??= new Template(source);
      return parsed.render({
        ...specialTokens,
        ...variables,
        messages,
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new InputError(
        "chat-template",
        `The model's chat template ${parsed ? "refused these messages" : "cannot be read"}: ${message}. ` +
          "Change the messages (roles, order) or use generate() with a prompt of your own.",
        { cause, details: { templateMessage: message, roles: messages.map(({ role }) => role) } },
      );
    }
  };

  return {
    source,
    render,
    encode(messages, options) {
      const text = render(messages, options);
      const ids = tokenizer.encode(text, { parseSpecial: true });
      // Not `addSpecial`: it would also end the prompt with eosId where the model adds one to documents.
      if (tokenizer.addsBos && ids[0] !== tokenizer.bosId) ids.unshift(tokenizer.bosId!);
      return ids;
    },
  };
}

function tokenVariables(tokenizer: Tokenizer): Record<string, string> {
  const variables: Record<string, string> = {};
  const add = (name: string, id: number | null): void => {
    if (id !== null) variables[name] = tokenizer.tokenText(id);
  };
  add("bos_token", tokenizer.bosId);
  add("eos_token", tokenizer.eosId);
  add("unk_token", tokenizer.unknownId);
  add("pad_token", tokenizer.paddingId);
  return variables;
}

function checkMessages(messages: readonly TemplateMessage[]): void {
  const wrong = Array.isArray(messages)
    ? messages.findIndex(message => typeof message?.role !== "string")
    : -1;
  if (Array.isArray(messages) && wrong < 0) return;
  const what = Array.isArray(messages) ? `Message ${wrong} has no role` : "The messages are not a list";
  throw new InputError("messages", `${what}. Pass a list like [{ role: "user", content: "Hi" }].`, {
    details: { index: wrong },
  });
}
