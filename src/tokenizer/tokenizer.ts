/** Text to token ids and back, built from the metadata of a GGUF file. Pure: no DOM, no GPU, no network. */
import { InputError, UnsupportedModelError } from "../errors.ts";
import type { Metadata } from "../gguf/fields.ts";
import { createByteBpe } from "./byte-bpe.ts";
import { endOfTurnIds } from "./end-of-turn.ts";
import { createSentencePiece } from "./sentencepiece.ts";
import { createSpecialTokens, type SpecialTokens } from "./special-tokens.ts";
import type { TextModel } from "./text-model.ts";
import { createUnigram } from "./unigram.ts";
import { readVocabulary, TokenType, type Vocabulary } from "./vocabulary.ts";
import { createWordPiece } from "./wordpiece.ts";

export interface EncodeOptions {
  /** Add the beginning-of-text and end-of-text tokens that the model file asks for. Default false. */
  addSpecial?: boolean;
  /**
   * Read the text of a control token, such as `<|im_end|>`, as that token. Default false: text that a user typed
   * cannot end a turn. User-defined tokens are found either way.
   */
  parseSpecial?: boolean;
  /** A character that is taken out once special tokens have been found: it keeps what it stands in from being one. */
  without?: string;
}

export interface DecodeOptions {
  /** Leave control tokens out of the text. Default false. */
  skipSpecial?: boolean;
}

export interface Tokenizer {
  /**
   * Token ids of `text`. Bytes that the vocabulary has no token for (some lack a few control characters) are left out,
   * as the reference implementations do; a lone surrogate becomes U+FFFD.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** Text of `ids`. Bytes that are no UTF-8 become U+FFFD, one per maximal invalid run. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** The bytes that token `id` stands for: often less than a character. A control token has its name's bytes. */
  bytesOf(id: number): Uint8Array;
  /** The token as the vocabulary spells it, such as `Ġthe` or `<|im_end|>`. */
  tokenText(id: number): string;
  /** Control tokens and the unknown token: they never show in generated text. */
  isControl(id: number): boolean;
  readonly vocabularySize: number;
  /** Beginning of text, end of text, unknown, padding, where the model has them. */
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly unknownId: number | null;
  readonly paddingId: number | null;
  /** End of turn and end of message, where the file names them by id. */
  readonly eotIds: readonly number[];
  /** All tokens that end a generation: `eosId`, `eotIds` and those known by their text. */
  readonly endOfTurnIds: ReadonlySet<number>;
  /** Whether `addSpecial` puts `bosId` first, and `eosId` (BERT: its separator) last. */
  readonly addsBos: boolean;
  readonly addsEos: boolean;
  /** Whether encoding puts a space before text that starts or follows a control token, which decoding takes away. */
  readonly addsSpacePrefix: boolean;
  /** What the file leaves open and was guessed, and what was wrong and is ignored, in sentences for the developer. Mostly empty. */
  readonly warnings: readonly string[];
}

const textModels: Readonly<Record<string, (vocabulary: Vocabulary) => TextModel>> = {
  gpt2: createByteBpe,
  gemma4: createByteBpe,
  llama: createSentencePiece,
  t5: createUnigram,
  bert: createWordPiece,
};

/**
 * Builds the tokenizer that a GGUF file describes. Throws `UnsupportedModelError` `tokenizer` for a kind that this
 * version does not know, `ModelFormatError` `bad-gguf` where a field is missing or wrong.
 */
export function createTokenizer(metadata: Metadata): Tokenizer {
  const vocabulary = readVocabulary(metadata);
  const model = textModel(vocabulary);
  const { tokens, types, bosId, eosId, eotId, eomId } = vocabulary;
  // BERT's text stands between [CLS] and [SEP], whatever the file says.
  const bert = vocabulary.model === "bert";
  const endId = bert ? vocabulary.separatorId : eosId;
  const addsBos = (bert || (vocabulary.addBos ?? model.addsBos)) && bosId !== null;
  const addsEos = (bert || (vocabulary.addEos ?? model.addsEos)) && endId !== null;
  const gptByDefault = vocabulary.model === "gpt2" && vocabulary.pre === "default";
  let always: SpecialTokens | undefined;
  let parsed: SpecialTokens | undefined;

  const checked = (id: number): number => {
    if (Number.isInteger(id) && id >= 0 && id < tokens.length) return id;
    throw new InputError("token-id", `Token id ${id} is not an integer from 0 to ${tokens.length - 1}.`, {
      details: { id, vocabularySize: tokens.length },
    });
  };
  const isControl = (id: number): boolean =>
    types[checked(id)] === TokenType.control || types[id] === TokenType.unknown;

  return {
    encode(text, { addSpecial = false, parseSpecial = false, without = "" } = {}) {
      const ids: number[] = [];
      if (addSpecial && addsBos) ids.push(bosId);
      const special = parseSpecial
        ? (parsed ??= createSpecialTokens(vocabulary, true))
        : (always ??= createSpecialTokens(vocabulary, false));
      let atStart = true;
      for (const found of special.split(text)) {
        const piece = typeof found === "number" || without === "" ? found : found.replaceAll(without, "");
        if (typeof piece === "number") ids.push(piece);
        else model.encode(piece, atStart, ids);
        atStart = typeof piece === "number";
      }
      if (addSpecial && addsEos) ids.push(endId);
      return ids;
    },

    decode(ids, { skipSpecial = false } = {}) {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      let text = "";
      let atStart = model.addsSpacePrefix;
      for (const id of ids) {
        if (isControl(id)) {
          if (!skipSpecial) text += decoder.decode(model.bytesOf(id), { stream: true });
          continue;
        }
        const bytes = model.bytesOf(id);
        text += decoder.decode(atStart && bytes[0] === 32 ? bytes.subarray(1) : bytes, { stream: true });
        atStart = false;
      }
      return text + decoder.decode();
    },

    bytesOf: id => model.bytesOf(checked(id)),
    tokenText: id => tokens[checked(id)]!,
    isControl,
    vocabularySize: tokens.length,
    bosId,
    eosId,
    unknownId: vocabulary.unknownId,
    paddingId: vocabulary.paddingId,
    eotIds: [eotId, eomId].filter(id => id !== null),
    endOfTurnIds: endOfTurnIds(vocabulary),
    addsBos,
    addsEos,
    addsSpacePrefix: model.addsSpacePrefix,
    warnings: gptByDefault ? [NO_PRE_TOKENIZER, ...vocabulary.warnings] : vocabulary.warnings,
  };
}

const NO_PRE_TOKENIZER =
  "The file does not name its pre-tokenizer (tokenizer.ggml.pre), so text is cut into words in a general way. " +
  "Answers may be worse than the model's; a newer conversion of the model names it.";

function textModel(vocabulary: Vocabulary): TextModel {
  const create = Object.hasOwn(textModels, vocabulary.model) ? textModels[vocabulary.model] : undefined;
  if (create) return create(vocabulary);
  const supported = Object.keys(textModels);
  throw new UnsupportedModelError(
    "tokenizer",
    `The file's tokenizer "${vocabulary.model}" (tokenizer.ggml.model) is not supported. ` +
      `Supported: ${supported.join(", ")}. Use a model with one of these.`,
    { details: { model: vocabulary.model, supported } },
  );
}
