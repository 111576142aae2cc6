/** Which tokens end a turn. GGUF names one or two by id; the others are known by their text, as in llama.cpp. */

/**
 * Token texts that end a generation in the models that have them. The fill-in-the-middle marks that llama.cpp adds
 * (`<|fim_pad|>`, `<reponame>`, `<|file_sep|>`) are left out: they end a file, not a turn.
 */
export const endOfTurnNames: readonly string[] = [
  "<|eot_id|>",
  "<|eom_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "<turn|>",
  "<|tool_response>",
  "<|endoftext|>",
  "<|end_of_text|>",
  "</s>",
  "<eos>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<end_of_utterance>",
  "<｜end▁of▁sentence｜>",
  "[e~[",
];

/** In the harmony and solar formats `<|end|>` closes one message of a turn that has several. */
export function hasMessageEnds(idOf: ReadonlyMap<string, number>): boolean {
  const call = idOf.has("<|call|>") || idOf.has("<|calls|>");
  return idOf.has("<|end|>") && call && (idOf.has("<|return|>") || idOf.has("<|flush|>"));
}

/** Gemma 4 and PLaMo have a `</s>` that is text. */
export function hasPlainEnd(idOf: ReadonlyMap<string, number>): boolean {
  return idOf.has("</s>") && (idOf.has("<|tool_response>") || idOf.has("<|plamo:eos|>"));
}

interface NamedTokens {
  idOf: ReadonlyMap<string, number>;
  eosId: number | null;
  eotId: number | null;
  eomId: number | null;
}

/** Ids of the tokens that end a turn: those that the file names and those known by their text. */
export function endOfTurnIds({ idOf, eosId, eotId, eomId }: NamedTokens): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const name of endOfTurnNames) {
    const id = idOf.get(name);
    if (id !== undefined) ids.add(id);
  }
  for (const id of [eosId, eotId, eomId]) if (id !== null) ids.add(id);
  if (hasMessageEnds(idOf)) ids.delete(idOf.get("<|end|>")!);
  if (hasPlainEnd(idOf)) ids.delete(idOf.get("</s>")!);
  return ids;
}
