/** Token ids to text while they are generated: whole characters only, and nothing of a stop string. */
import { createStopFilter } from "./stop-matcher.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface TextStreamOptions {
  /** The text ends before the first of these to be complete. None may be empty. */
  stop?: readonly string[];
  /**
   * The token before the first one pushed: the prompt's last. Decides whether a SentencePiece tokenizer's leading
   * space belongs to the text. Default: none, the text starts here.
   */
  previousId?: number | undefined;
}

export interface TextStream {
  /** Takes the next token and returns the text that is certain now. After a stop string: always `""`. */
  push(id: number): string;
  /** Ends the stream: returns what was held back; an unfinished character becomes U+FFFD. */
  flush(): string;
  /** The stop string that ended the text; `null` as long as none did. */
  readonly stopped: string | null;
}

/**
 * Bytes that are no UTF-8 become U+FFFD, one per maximal invalid run, as `TextDecoder` does. Control tokens add
 * nothing to the text, nor do they interrupt it. Joined, the pieces of a stream without stop strings are
 * `tokenizer.decode(ids, { skipSpecial: true })`.
 */
export function createTextStream(
  tokenizer: Tokenizer,
  { stop = [], previousId }: TextStreamOptions = {},
): TextStream {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const filter = createStopFilter(stop);
  let atStart = tokenizer.addsSpacePrefix && (previousId === undefined || tokenizer.isControl(previousId));

  return {
    get stopped() {
      return filter.stopped;
    },
    push(id) {
      if (filter.stopped !== null || tokenizer.isControl(id)) return "";
      let bytes = tokenizer.bytesOf(id);
      if (atStart && bytes[0] === 32) bytes = bytes.subarray(1);
      atStart = false;
      return filter.push(decoder.decode(bytes, { stream: true }));
    },
    flush: () => filter.push(decoder.decode()) + filter.flush(),
  };
}
