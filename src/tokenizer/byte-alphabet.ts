/**
 * GPT-2's alphabet: one printable character per byte, itself where Latin-1 prints it, else the next one from U+0100 on.
 * Vocabularies of byte-level BPE are written in it: `Ġ` is a space.
 */
const utf8 = new TextEncoder();

const charOfByte: string[] = [];
for (let byte = 0, next = 256; byte < 256; byte++) {
  const prints = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  charOfByte.push(String.fromCharCode(prints ? byte : next++));
}
const byteOfChar = new Map(charOfByte.map((char, byte) => [char, byte]));

/** The UTF-8 bytes of `text` in the alphabet. */
export function toAlphabet(text: string): string {
  if (/^[!-~]*$/.test(text)) return text;
  let spelled = "";
  for (const byte of utf8.encode(text)) spelled += charOfByte[byte];
  return spelled;
}

/** The bytes that a token in the alphabet stands for; characters outside of it stand for their own UTF-8. */
export function fromAlphabet(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of token) {
    const byte = byteOfChar.get(char);
    if (byte !== undefined) bytes.push(byte);
    else bytes.push(...utf8.encode(char));
  }
  return Uint8Array.from(bytes);
}
