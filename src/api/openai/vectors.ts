/** POST /v1/embeddings and /v1/rerank */

import { isText } from "../../options.ts";
import { textsOf } from "./completions.ts";
import { invalid } from "./errors.ts";
import { json } from "./replies.ts";
import { defined } from "./sampling.ts";
import type { Call } from "./served.ts";

export async function embeddings({ name, model, fields, signal }: Call): Promise<Response> {
  const texts = textsOf(fields, "input");
  const format = fields.text("encoding_format") ?? "float";
  if (format !== "float" && format !== "base64")
    throw invalid("encoding_format", '\'encoding_format\' must be "float" or "base64".');
  const dimensions = fields.whole("dimensions", 1, model.info.hiddenSize);
  const vectors = await model.embed(texts, { ...defined({ dimensions }), signal });
  let tokens = 0;
  for (const text of texts)
    tokens += isText(text) ? (await model.tokenize(text, { addSpecial: true })).length : text.length;
  return json({
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: format === "base64" ? base64(vector) : Array.from(vector),
    })),
    model: name,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

/** As Jina, Cohere and local servers have it: OpenAI has no such endpoint. */
export async function rerank({ name, model, fields, signal }: Call): Promise<Response> {
  const query = fields.required("query", fields.text("query"));
  const given = fields.required("documents", fields.list("documents"));
  const texts = given.map((document, index) => {
    const text = isText(document) ? document : (Object(document) as { text?: unknown }).text;
    if (!isText(text)) throw invalid(`documents[${index}]`, `'documents[${index}]' must be a string.`);
    return text;
  });
  const most = fields.whole("top_n", 1) ?? texts.length;
  const withText = fields.flag("return_documents");
  const ranked = await model.rerank(query, texts, { signal });
  let tokens = 0;
  for (const text of texts) tokens += (await model.tokenize(query + text)).length;
  return json({
    object: "list",
    model: name,
    results: ranked.slice(0, most).map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(withText && { document: { text: texts[index] } }),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

/** The numbers' bytes, little-endian, as every machine with WebGPU has them. */
function base64({ buffer, byteOffset, byteLength }: Float32Array): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}
