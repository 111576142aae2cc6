import type { LoadOptions, ModelInfo, ProfileOptions, ProfileResult } from "intab";

export interface BenchJob {
  /** A model's address, or a file, which is read in place and so has no load from IndexedDB. */
  source: string | File;
  /** It is stored already and stays so: the load with nothing stored is left out. */
  keepStored?: boolean;
  loadOptions: Pick<LoadOptions, "contextLength" | "features">;
  /** Prompt lengths to time prefill at, tokens. */
  prefill: number[];
  /** Context lengths to time decode at, tokens. */
  decodeAt: number[];
  decodeTokens: number;
  /** Requests that run side by side: each number is timed. Reports of earlier versions lack it. */
  together?: number[];
  /** Timed runs of each, after its warm-up. */
  runs: number;
  /** Timed loads from IndexedDB, or of the file. */
  loadRuns: number;
  /** The least warm-up of each length (bench/lib/series.mjs). Milliseconds. */
  warmUpMs: number;
  bandwidth: boolean;
  /** Left out where the adapter has no timestamp queries. */
  profile: ProfileOptions[];
}

export interface Bandwidth {
  /** Single runs. */
  bytesPerSecond: number[];
  /** What told the time. */
  clock: "GPU timestamps" | "the page's clock";
}

export interface Frames {
  count: number;
  medianMs: number;
  p99Ms: number;
  longestMs: number;
  /** All of them in order, rounded to 0.1. Reports of earlier versions lack them. */
  intervalsMs?: number[];
}

/** So many requests, all called at once with prompts of 32 tokens. */
export interface Together {
  requests: number;
  /** All tokens but the first of each, by the time from the first of all to the last. Single runs. */
  tokensPerSecond: number[];
}

/** What one request feels of another one's prompt: the intervals between its pieces of text, 95th percentile of each run. Milliseconds. */
export interface Beside {
  promptTokens: number;
  aloneMs: number[];
  besideMs: number[];
}

export interface Measured {
  info: ModelInfo;
  /** `null` where it could not be measured, or was not asked for. */
  bandwidth: Bandwidth | null;
  load: {
    /** From the call of load() with nothing stored to a model that answers. One run; none for a file. */
    coldMs: number[];
    /** The same with the model in IndexedDB. */
    cachedMs: number[];
    /** The same from a file that is read in place. */
    fileMs: number[];
    /** From the call of load() to the first token of a 16-token prompt: after the faster kind of load. */
    firstTokenMs: number[];
  };
  prefill: { tokens: number; tokensPerSecond: number[]; firstTokenMs: number[]; longestSubmitMs: number[] }[];
  decode: {
    context: number;
    tokensPerSecond: number[];
    dispatchesPerToken: number;
    submitsPerToken: number;
    longestSubmitMs: number[];
  }[];
  /** Reports of earlier versions lack both. */
  together?: Together[];
  beside?: Beside;
  /** While prefill and decode are measured. */
  frames: Frames | null;
  profile: ProfileResult[];
}

/** What is being measured. Peers have `load`, `prefill` and `decode` alone. */
export type BenchPhase = "bandwidth" | "load" | "prefill" | "decode" | "together" | "profile";

/** Called before each part; `share` is the part done, by count of parts. */
export interface BenchStep {
  text: string;
  phase: BenchPhase;
  share: number;
}

/** Samples of nvidia-smi, one an index. */
export interface Clocks {
  gpu: string;
  driver: string;
  /** In which phase each was taken, warm-up included. Reports of earlier versions do not tell. */
  part?: string[];
  smMHz: number[];
  memoryMHz: number[];
  watts: number[];
}

export interface PeerResult {
  name: string;
  version: string;
  /** What it ran on, in its own words. */
  on: string;
  prefill: { tokens: number; tokensPerSecond: number[] }[];
  decode: { context: number; tokensPerSecond: number[] }[];
  /** Reports of earlier versions lack them. */
  clocks?: Clocks | null;
}

/** JS memory while models load: page and workers, sampled. Bytes. */
export interface HeapPeak {
  /** Heap and array buffers together at their highest. */
  peakBytes: number;
  /** Objects, code, strings: before the first load, and at their highest. */
  heap: { before: number; peak: number };
  /** Array buffers: before the first load, and at their highest, of which the page and its workers had so much. */
  arrayBuffers: { before: number; peak: number; page: number; workers: number };
  samples: number;
}

/** What the JSON file holds. The page's own download lacks what only the script can know: those fields are optional. */
export interface Report extends Omit<Measured, "load"> {
  format: "intab-bench-1";
  /** ISO 8601 */
  date: string;
  browser: string;
  model: { name: string; bytes: number };
  job: Omit<BenchJob, "source">;
  /** Reports of earlier versions lack `fileMs`. */
  load: Omit<Measured["load"], "fileMs"> & Partial<Measured["load"]>;
  commit?: string;
  flags?: string[];
  clocks?: Clocks | null;
  /** Reports of earlier versions have `peakBytes` alone. */
  heap?: (Pick<HeapPeak, "peakBytes"> & Partial<HeapPeak>) | null;
  peers?: (PeerResult | { name: string; notRun: string })[];
}
