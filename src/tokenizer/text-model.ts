/** What each kind of tokenizer brings: text without special tokens to ids, and the bytes of a token. */
export interface TextModel {
  /**
   * Appends the ids of `text`, which holds no special token, to `ids`. `atStart` = nothing or a special token comes
   * before it.
   */
  encode(text: string, atStart: boolean, ids: number[]): void;
  /** The bytes that token `id` stands for in text. */
  bytesOf(id: number): Uint8Array;
  /** `encode` puts a space before text at the start, so decoding takes it away again. */
  addsSpacePrefix: boolean;
  /** Where the file does not say. */
  addsBos: boolean;
  addsEos: boolean;
}
