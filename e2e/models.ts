/** Model files for the page, made from the built-in one. */
import { BUILT_IN_BYTES } from "./server.ts";

/** The built-in model with this chat template in the place of its own, filled up to the same length. */
export function builtInWithTemplate(template: string): Buffer {
  const bytes = Buffer.from(BUILT_IN_BYTES);
  const key = bytes.indexOf("tokenizer.chat_template");
  const at = key + "tokenizer.chat_template".length + 4; // after the value's type
  const length = Number(bytes.readBigUInt64LE(at));
  const padding = " ".repeat(length - template.length - "{##}".length);
  bytes.write(`${template}{#${padding}#}`, at + 8, "utf8");
  return bytes;
}
