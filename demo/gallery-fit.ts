/** Whether a model of the gallery runs here: by its size at once, by the engine's `fit()` on request. */
import { type Fit, fit } from "intab";
import type { Offer } from "./catalog.ts";
import { explain } from "./errors.ts";
import { bytes, integer } from "./format.ts";

export interface Verdict {
  kind: "unknown" | "yes" | "tight" | "no" | "failed";
  text: string;
}

/** Beside the weights: keys and values of a usual context, activations, programs. */
const MORE_THAN_WEIGHTS = { share: 0.1, bytes: 300e6 };

/** A rule of thumb: the file's size against the memory that the person says the GPU has. */
export function bySize({ bytes: size }: Offer, memoryBytes: number | null): Verdict {
  const needed = size * (1 + MORE_THAN_WEIGHTS.share) + MORE_THAN_WEIGHTS.bytes;
  const takes = `about ${bytes(needed)} of GPU memory, by its size`;
  if (memoryBytes === null) return { kind: "unknown", text: `Takes ${takes}` };
  if (needed <= memoryBytes) return { kind: "yes", text: `Should fit: ${takes}` };
  if (size < memoryBytes) return { kind: "tight", text: `May fit with a short context: ${takes}` };
  return { kind: "no", text: `Too large: ${takes}` };
}

/** Reads the file's header and computes what it takes; nothing is stored. The signal's reason rejects. */
export async function byHeader(
  { from }: Offer,
  memoryBytes: number | null,
  { token, signal }: { token: string; signal: AbortSignal },
): Promise<Verdict> {
  try {
    const answer = await fit(from, {
      signal,
      ...(token === "" ? {} : { token }),
      ...(memoryBytes === null ? {} : { memoryBytes }),
    });
    return verdict(answer, memoryBytes);
  } catch (error) {
    signal.throwIfAborted();
    const { title, advice } = explain(error);
    return { kind: "failed", text: `Not checked. ${title}. ${advice}` };
  }
}

function verdict({ fits, reasons, bytes: sizes, contextLength }: Fit, memoryBytes: number | null): Verdict {
  if (!fits) return { kind: "no", text: `Does not fit. ${reasons.map(({ message }) => message).join(" ")}` };
  const takes = `${bytes(sizes?.total ?? 0)} with a context of ${integer(contextLength ?? 0)} tokens, by its header`;
  return memoryBytes === null
    ? {
        kind: "yes",
        text: `Runs on this adapter and takes ${takes}. How much memory the GPU has, browsers do not say.`,
      }
    : { kind: "yes", text: `Fits: ${takes}.` };
}
