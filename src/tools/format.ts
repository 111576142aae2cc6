/** How a family of models writes the calls of tools into its answers. */

/** A call that was read out of an answer. */
export interface ParsedCall {
  name: string;
  /** A JSON object, as text. */
  arguments: string;
}

/** JSON Schema of each tool's parameters, by the tool's name. */
export type ToolSchemas = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

export interface ToolFormat {
  /** Name in docs/tools.md. */
  family: string;
  /** What a call, or a list of calls, begins with; none may begin inside of another. */
  opens: readonly string[];
  /** What ends it; `null`: the next one's beginning, or the answer's end. */
  close: string | null;
  /** An answer that begins with this is all calls, if they are of tools that were offered. */
  bare?: string;
  /** Marks around all calls, which say nothing more. */
  ignored?: readonly string[];
  /** Marks inside of a call. */
  inner?: readonly string[];
  /**
   * What stands between beginning and end.
   * @param last whether the answer ended there, which may have left something out
   * @returns `null` for what is no call: it is text then
   */
  read(body: string, schemas: ToolSchemas, last: boolean): ParsedCall[] | null;
}

/** All marks of a format: a tokenizer may have them as control tokens, which text does not show. */
export function marksOf({ opens, close, ignored = [], inner = [] }: ToolFormat): string[] {
  return [...new Set([...opens, ...(close ? [close] : []), ...ignored, ...inner])];
}
