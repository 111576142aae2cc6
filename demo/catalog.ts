/** Where a model comes from and how it likes to be used: the built-in one, and whatever a person brings. */
import { fileName, isFileOf } from "./address.ts";
import { GALLERY } from "./gallery-models.ts";

/** What is sampled with. `undefined` = what the model file or the engine proposes. */
export interface Settings {
  /** First message of every conversation. Empty = what the model's own template puts there. */
  system: string;
  temperature?: number | undefined;
  topP?: number | undefined;
  topK?: number | undefined;
  minP?: number | undefined;
  repetitionPenalty?: number | undefined;
  frequencyPenalty?: number | undefined;
  presencePenalty?: number | undefined;
  maxTokens?: number | undefined;
  /** `undefined` = another one for every answer. */
  seed?: number | undefined;
  /** An answer ends before any of these. */
  stop?: readonly string[] | undefined;
  /** Of models that can answer with and without reasoning. */
  enableThinking?: boolean | undefined;
}

export interface Source {
  /** What `load` takes: an address, a file, or the files of a model in several. */
  from: string | File | readonly File[];
  /** The same file elsewhere, for when `from` cannot be reached. */
  mirror?: string | undefined;
  title: string;
  settings: Settings;
  /** One sentence under the message field, about how far to trust the answers. */
  honesty: string;
}

/** A model that the page offers. */
export interface Offer extends Source {
  from: string;
  /** Parameters, as people say them: "1.2B". */
  parameters: string;
  /** What it is good for. */
  about: string;
  /** Size of the download, to about a megabyte. */
  bytes: number;
  licence: string;
}

const HONESTY = "Language models make mistakes. Check what matters.";

/** Served beside the page, at a relative address so that the demo also works under a sub-path. */
export const BUILT_IN: Offer = {
  from: new URL("models/intab-tiny-q4_0.gguf", document.baseURI).href,
  title: "intab-tiny",
  parameters: "19.5M",
  about: "A toy, ready in a moment; makes things up.",
  bytes: 12_736_352,
  licence: "Apache-2.0",
  honesty: "intab-tiny is a 19.5M-parameter toy model: fluent, and it makes things up.",
  // Its template is its teacher's and would introduce it by another name.
  settings: {
    system: "You are a helpful assistant that runs inside this browser tab.",
    temperature: 0.7,
    topP: 0.95,
    minP: 0.05,
    // It has no more to say by then, and may go round in circles.
    maxTokens: 512,
  },
};

/** All that the page offers, the smallest first. */
export const OFFERS: readonly Offer[] = [
  BUILT_IN,
  ...GALLERY.map(({ name, ...model }) => ({
    settings: { system: "" },
    honesty: model.bytes < 1e9 ? `${model.title} is a small model: it often gets facts wrong.` : HONESTY,
    ...model,
    from: name,
    mirror: model.mirror === undefined ? undefined : new URL(model.mirror, document.baseURI).href,
  })),
];

/** A model from the files that a person picked: one, or all parts of one in several. */
export function fromFiles(files: readonly [File, ...File[]]): Source {
  const [first, ...others] = files;
  const from = others.length === 0 ? first : files;
  return { from, title: first.name, settings: { system: "" }, honesty: HONESTY };
}

export function fromUrl(address: string): Source {
  const offer = offerOf(address);
  return offer
    ? { ...offer, from: address }
    : { from: address, title: fileName(address), settings: { system: "" }, honesty: HONESTY };
}

export function offerOf(from: Source["from"] | null | undefined): Offer | undefined {
  return OFFERS.find(offer => isFrom(offer, from));
}

/** Whether an offer is what was loaded from this address. */
export function isFrom(offer: Offer, from: Source["from"] | null | undefined): boolean {
  if (typeof from !== "string") return false;
  return (
    from === offer.from || (offer.mirror !== undefined && from === offer.mirror) || isFileOf(offer.from, from)
  );
}
