/** Vocabularies to tokenizers, texts to ids and back. */
import { createTokenizer } from "../../src/tokenizer/index.ts";
import { vocabularies } from "./corpus.ts";
import { changedMetadata } from "./mutate.ts";
import type { Random } from "./random.ts";

export function fuzzTokenizer(random: Random): void {
  const { metadata } = random.pick(vocabularies).file;
  const next = random.chance(0.8) ? changedMetadata(random, metadata, "tokenizer.ggml.") : metadata;
  const tokenizer = createTokenizer(next);
  const tokens = next["tokenizer.ggml.tokens"] as string[];
  for (let n = 0; n < 4; n++) {
    const text = random.text(tokens);
    const options = { addSpecial: random.chance(0.5), parseSpecial: random.chance(0.5) };
    const ids = tokenizer.encode(text, options);
    const wrong = ids.find(id => !(Number.isInteger(id) && id >= 0 && id < tokenizer.vocabularySize));
    if (wrong !== undefined) throw new RangeError(`encode() gives the id ${wrong}`);
    tokenizer.decode(ids.slice(0, 1000), { skipSpecial: random.chance(0.5) });
  }
  for (let n = 0; n < 20; n++) tokenizer.bytesOf(random.below(tokenizer.vocabularySize));
}
