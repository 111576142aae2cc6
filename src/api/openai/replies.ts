import { apiError } from "./errors.ts";

/** Failures are not to be tried again by a client: a second try fails the same way. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/json",
      ...(status >= 400 && { "x-should-retry": "false" }),
      ...headers,
    },
  });
}

export interface StreamOptions {
  /** Ends the work where nobody reads on. */
  cancel: () => void;
  signal: AbortSignal;
  /** Field that the prompt comes from. */
  prompt: string;
  /** Each event has its `type` as its name, and none says that it was the last. */
  named?: boolean;
}

/** Server-sent events. It answers once the first is there, so that what fails before it has a status of its own. */
export async function events(
  items: AsyncGenerator<object, void>,
  { cancel, signal, prompt, named = false }: StreamOptions,
): Promise<Response> {
  const encoder = new TextEncoder();
  const encode = (item: object): Uint8Array =>
    encoder.encode(
      `${named && "type" in item ? `event: ${item.type}\n` : ""}data: ${JSON.stringify(item)}\n\n`,
    );
  let next: Promise<IteratorResult<object, void>> | null = Promise.resolve(await items.next());
  const body = new ReadableStream<Uint8Array>({
    async pull(stream) {
      try {
        const { value, done } = await (next ?? items.next());
        next = null;
        if (!done) return stream.enqueue(encode(value));
        if (!named) stream.enqueue(encoder.encode("data: [DONE]\n\n"));
      } catch (error) {
        if (signal.aborted) return stream.error(signal.reason);
        const failed = apiError(error, prompt).body;
        stream.enqueue(encode(named ? { ...failed.error, type: "error" } : failed));
      }
      stream.close();
    },
    cancel,
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}
