/**
 * GPT-2's byte alphabet: each byte is one printable character, so that a vocabulary of strings can hold any bytes.
 * Printable Latin-1 stands for itself; the other 68 bytes are U+0100 and up, in order (space is `Ġ`, newline `Ċ`).
 */
const charOfByte: string[] = [];
const byteOfChar = new Map<string, number>();

for (let byte = 0, next = 256; byte < 256; byte++) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const char = String.fromCharCode(printable ? byte : next++);
  charOfByte.push(char);
  byteOfChar.set(char, byte);
}

const encoder = new TextEncoder();

/** `text` as UTF-8, one character of the alphabet per byte. A lone surrogate becomes U+FFFD. */
export function toByteAlphabet(text: string): string {
  let out = "";
  for (const byte of encoder.encode(text)) out += charOfByte[byte];
  return out;
}

/** The bytes that a token of the alphabet stands for; characters outside the alphabet stand for their own UTF-8. */
export function fromByteAlphabet(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of token) {
    const byte = byteOfChar.get(char);
    if (byte !== undefined) bytes.push(byte);
    else bytes.push(...encoder.encode(char));
  }
  return Uint8Array.from(bytes);
}
