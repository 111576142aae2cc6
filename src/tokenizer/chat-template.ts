/**
 * The chat template of a model file (`tokenizer.chat_template`, Jinja), rendered as Hugging Face transformers does:
 * trim_blocks, lstrip_blocks, `raise_exception`, `strftime_now`, and the special tokens as variables.
 *
 * Control tokens in the rendered text are parsed as such, those in a user's message too: this is what the reference
 * does and what the golden files hold. With `specialTokens: "text"` (the default of `model.chat`) those in messages,
 * tools and documents are text: `control-text.ts`.
 */
import { InputError } from "../errors.ts";
import type { Metadata } from "../gguf/fields.ts";
import type { ChatMessage, TemplateOptions } from "../types.ts";
import { createGuard } from "./control-text.ts";
import { compileTemplate } from "./jinja/template.ts";
import { checkConversation, checkMessages } from "./messages.ts";
import { type ReasoningMarks, reasoningMarks } from "./reasoning.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A message as the template sees it. Most templates ask for `role` and `content`. */
export type TemplateMessage = ChatMessage | { readonly role: string; readonly [field: string]: unknown };

export interface RenderOptions extends TemplateOptions {
  /** End with the mark that starts the assistant's answer. Default true. */
  addGenerationPrompt?: boolean;
  /** The time that a template asks for by `strftime_now`. Default: the clock's. */
  now?: Date;
  /** What the text of a control token in messages, tools and documents is encoded as. Default `control`, as the reference does. */
  specialTokens?: "text" | "control";
}

export interface EncodedChat {
  ids: number[];
  /** How the answer to this prompt marks its reasoning; `null` where the model marks none. */
  reasoning: ReasoningMarks | null;
}

export interface ChatTemplate {
  /** The template's source; `null` where the file has none and none was given. With several: the one without tools. */
  readonly source: string | null;
  /** Messages to prompt text. Throws `InputError`: `chat-template` (none, or it failed), `messages` (not usable). */
  render(messages: readonly TemplateMessage[], options?: RenderOptions): string;
  /** Messages to prompt ids, with the beginning-of-text token once where the model wants it. */
  encode(messages: readonly TemplateMessage[], options?: RenderOptions): number[];
  /** The same, with what is needed to read the answer. */
  prepare(messages: readonly TemplateMessage[], options?: RenderOptions): EncodedChat;
}

const key = "tokenizer.chat_template";

/** Whether the file brings a chat template. */
export function hasChatTemplate(metadata: Metadata): boolean {
  return templateOf(metadata, false) !== null;
}

/**
 * The file's template. It may have several: the main one, and `tokenizer.chat_template.NAME`; the one named `tool_use`
 * is meant for conversations with tools.
 */
function templateOf(metadata: Metadata, withTools: boolean): string | null {
  const named = (name: string): string | null => {
    const value = metadata[name];
    return typeof value === "string" ? value : null;
  };
  const main = named(key) ?? named(`${key}.default`);
  const tools = named(`${key}.tool_use`);
  return withTools ? (tools ?? main) : (main ?? tools);
}

/**
 * The file's chat template, or the one given in its stead. It is parsed at the first use: a model whose template is
 * missing or broken still generates from plain text.
 */
export function createChatTemplate(
  metadata: Metadata,
  tokenizer: Tokenizer,
  { template }: { template?: string | undefined } = {},
): ChatTemplate {
  const render = createRenderer(tokenVariables(tokenizer));
  let guard: ReturnType<typeof createGuard> | undefined;
  const sourceFor = (options: RenderOptions): string | null =>
    template ?? templateOf(metadata, (options.tools?.length ?? 0) > 0);

  const prepare: ChatTemplate["prepare"] = (messages, options = {}) => {
    const source = sourceFor(options);
    if (source !== null) checkConversation(messages, source);
    const { tools, documents, specialTokens = "control" } = options;
    const given = { messages, ...(tools && { tools }), ...(documents && { documents }) };
    if (specialTokens === "text") guard ??= createGuard(controlTexts(tokenizer));
    const { data, mark } = guard && specialTokens === "text" ? guard(given) : { data: given, mark: "" };
    const text = render(source, data.messages, { ...options, ...data });
    const ids = tokenizer.encode(text, { parseSpecial: true, without: mark });
    // Not `addSpecial`: it would also end the prompt with eosId where the model adds one to documents.
    if (tokenizer.addsBos && ids[0] !== tokenizer.bosId) ids.unshift(tokenizer.bosId!);
    return { ids, reasoning: reasoningMarks(source ?? "", text) };
  };

  return {
    source: sourceFor({}),
    render: (messages, options = {}) => render(sourceFor(options), messages, options),
    prepare,
    encode: (messages, options) => prepare(messages, options).ids,
  };
}

/**
 * A renderer of any template's source with the given special tokens (`bos_token`, ...) as variables. It parses each
 * source once. Throws as `ChatTemplate.render`.
 */
export function createRenderer(
  specialTokens: Readonly<Record<string, string>>,
): (source: string | null, messages: readonly TemplateMessage[], options?: RenderOptions) => string {
  const parsed = new Map<string, ReturnType<typeof compileTemplate>>();
  return (source, messages, options = {}) => {
    checkMessages(messages);
    if (source === null) {
      throw new InputError(
        "chat-template",
        "The model file has no chat template (tokenizer.chat_template). " +
          "Use generate() with a prompt of your own, or load a file that has a template, such as an Instruct model.",
      );
    }
    // The template is the file author's program and this its interpreter: whatever either throws is the template's
    // failure, most often a raise_exception that tells the caller what it wants.
    try {
      let run = parsed.get(source);
      if (!run) parsed.set(source, (run = compileTemplate(source)));
      return run(
        { ...specialTokens, ...variablesOf(plain(messages, source), options) },
        options.now ?? new Date(),
      );
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new InputError(
        "chat-template",
        `The model's chat template ${parsed.has(source) ? "refused these messages" : "cannot be read"}: ${message}. ` +
          "Change the messages (roles, order) or use generate() with a prompt of your own.",
        {
          cause,
          details: {
            templateError: cause instanceof Error ? cause.name : "Error",
            templateMessage: message,
            roles: messages.map(({ role }) => role),
          },
        },
      );
    }
  };
}

/** The variables of a template besides the special tokens. */
function variablesOf(
  messages: readonly TemplateMessage[],
  { addGenerationPrompt = true, tools, documents, enableThinking, templateVariables }: RenderOptions,
): Record<string, unknown> {
  return {
    ...templateVariables,
    ...(tools ? { tools } : {}),
    ...(documents ? { documents } : {}),
    ...(enableThinking === undefined ? {} : { enable_thinking: enableThinking }),
    messages,
    add_generation_prompt: addGenerationPrompt,
  };
}

/** Parts of text joined, for a template that knows content as text only: it would print the list or fail. */
function plain(messages: readonly TemplateMessage[], source: string): readonly TemplateMessage[] {
  const knowsParts =
    /content is (?:not )?(?:string|iterable|sequence)|\btype\b[^\n]{0,12}== ?['"]text['"]|\['text'\]|\.text\b/.test(
      source,
    );
  if (knowsParts) return messages;
  return messages.map(message => {
    const { content } = message;
    if (!Array.isArray(content) || !content.every(part => typeof part?.text === "string")) return message;
    return { ...message, content: content.map(part => part.text).join("") };
  });
}

function controlTexts(tokenizer: Tokenizer): string[] {
  const texts: string[] = [];
  for (let id = 0; id < tokenizer.vocabularySize; id++)
    if (tokenizer.isControl(id)) texts.push(tokenizer.tokenText(id));
  return texts;
}

/** The model's special tokens as variables of a template. */
export function tokenVariables(tokenizer: Tokenizer): Record<string, string> {
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
