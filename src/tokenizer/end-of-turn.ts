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
  // In the harmony and solar formats <|end|> closes one message of a turn that has several.
  const harmony = idOf.has("<|return|>") && idOf.has("<|call|>");
  const solar = idOf.has("<|flush|>") && idOf.has("<|calls|>");
  if (harmony || solar) ids.delete(idOf.get("<|end|>") ?? -1);
  for (const id of [eosId, eotId, eomId]) if (id !== null) ids.add(id);
  return ids;
}
