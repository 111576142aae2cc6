/** Every failure as a person should read it: what happened, what to do next, and a button where one can do it. */
import { IntabError } from "intab";

/** What the page can do about a failure. `main.ts` carries them out. */
export type Remedy =
  | "retry"
  | "download-again"
  | "free-storage"
  | "other-file"
  | "built-in"
  | "short-context"
  | "reload-model"
  | "new-chat"
  | "reload-page"
  | "reset-settings"
  | "gpu-help"
  | "find-models";

export const REMEDY_LABELS: Readonly<Record<Remedy, string>> = {
  retry: "Try again",
  "download-again": "Remove and download again",
  "free-storage": "Show stored models",
  "other-file": "Choose another file",
  "built-in": "Use the built-in model",
  "short-context": "Load with a short context",
  "reload-model": "Load the model again",
  "new-chat": "Start a new chat",
  "reload-page": "Reload the page",
  "reset-settings": "Reset the settings",
  "gpu-help": "About WebGPU support",
  "find-models": "Find models",
};

export interface Explained {
  /** `IntabError.code`, or `unexpected`. */
  code: string;
  title: string;
  /** What happened, with values: the engine's own words. */
  message: string;
  /** What to do next. */
  advice: string;
  remedies: readonly Remedy[];
}

type Words = [title: string, advice: string, ...remedies: Remedy[]];

const WORDS: Readonly<Record<string, Words>> = {
  "no-timestamps": [
    "This browser does not time GPU work",
    "Measure without the time of each kernel, or use a recent Chrome or Edge.",
  ],
  "no-webgpu": ["This browser has no WebGPU", "Use a recent Chrome, Edge, Firefox or Safari.", "gpu-help"],
  "no-adapter": [
    "The browser found no graphics adapter",
    "Turn on hardware acceleration in the browser's settings and update the graphics driver.",
    "retry",
    "gpu-help",
  ],
  "no-device": [
    "The graphics adapter refused to start",
    "Close other tabs that use the GPU, then try again.",
    "retry",
    "gpu-help",
  ],
  "device-lost": [
    "The GPU stopped responding",
    "The driver reset it, or another program took its memory. The weights are stored: loading again needs no download.",
    "reload-model",
    "built-in",
  ],
  "gpu-error": [
    "The GPU reported an error",
    "Load the model again. If it comes back, update the graphics driver or choose a smaller model.",
    "reload-model",
    "built-in",
  ],
  "gpu-memory": [
    "The GPU has too little memory",
    "A shorter context takes less memory; so does a smaller model. Closing other tabs can help too.",
    "short-context",
    "built-in",
  ],
  "adapter-limit": [
    "This model is too large for this graphics adapter",
    "Choose a smaller model or one with fewer bits per weight.",
    "find-models",
    "built-in",
  ],
  blocked: [
    "Another tab holds the stored models",
    "Their data is being deleted or changed. Close this site's other tabs, then try again.",
    "retry",
  ],
  "quota-exceeded": [
    "The browser's storage is full",
    "Remove stored models or free disk space, then try again. What was downloaded is kept.",
    "free-storage",
    "retry",
  ],
  "storage-unavailable": [
    "The browser does not let this page store data",
    "Private windows and strict privacy settings do that. Use a normal window, or pick a file from this device: files need no storage.",
    "other-file",
    "retry",
  ],
  "not-gguf": [
    "This is not a GGUF file",
    "Check the address or the file: its name usually ends in .gguf, and a web page about a model is not the model.",
    "other-file",
    "find-models",
    "built-in",
  ],
  "bad-gguf": [
    "This GGUF file is damaged",
    "Download it again from its source.",
    "download-again",
    "other-file",
    "built-in",
  ],
  truncated: [
    "This file is incomplete",
    "It ends before its last weights: a download or a copy broke off. Get it again from its source.",
    "download-again",
    "other-file",
    "built-in",
  ],
  corrupt: [
    "The data of this model is damaged",
    "Remove the stored copy and download it again.",
    "download-again",
    "built-in",
  ],
  "not-finite": [
    "This model computes no usable numbers",
    "Its weights are damaged, or the graphics driver computes wrongly. Get the file again, or another one of the model.",
    "download-again",
    "other-file",
    "built-in",
  ],
  architecture: [
    "This kind of model is not supported yet",
    "Choose a model of another architecture, such as SmolLM2, Qwen3 or Llama 3.",
    "find-models",
    "built-in",
  ],
  "tensor-type": [
    "This kind of quantisation is not supported yet",
    "Choose a file with Q4_K_M, Q6_K, Q8_0 or F16 weights; the name usually says so.",
    "find-models",
    "built-in",
  ],
  tokenizer: [
    "This model's tokenizer is not supported yet",
    "Choose another model.",
    "find-models",
    "built-in",
  ],
  "gguf-version": [
    "This GGUF version is not supported",
    "Choose a file of GGUF version 2 or 3.",
    "find-models",
    "built-in",
  ],
  shape: ["This model has an unusual shape", "Choose another model.", "find-models", "built-in"],
  network: [
    "The download failed",
    "Check the connection, then try again: it goes on where it stopped. Some servers do not allow other pages to fetch their files; then download the file and pick it here.",
    "retry",
    "other-file",
  ],
  "no-ranges": [
    "This server cannot resume downloads",
    "It does not answer requests for parts of a file. Use another server, or download the file and pick it here.",
    "other-file",
    "built-in",
  ],
  "changed-on-server": [
    "The file on the server has changed",
    "The stored part belongs to the old file. Remove it and download the new one.",
    "download-again",
    "built-in",
  ],
  option: [
    "A setting has a value that cannot be used",
    "Reset the settings or correct the value.",
    "reset-settings",
  ],
  "prompt-too-long": [
    "The conversation no longer fits the model's context",
    "Start a new chat, or make the message shorter.",
    "new-chat",
  ],
  "token-id": ["The model was given an unknown token", "Start a new chat.", "new-chat"],
  "chat-template": [
    "This model's chat template could not be used",
    "Choose an instruction-tuned model: its name usually ends in Instruct or Chat.",
    "find-models",
    "built-in",
  ],
  messages: ["The conversation could not be passed to the model", "Start a new chat.", "new-chat"],
  "rope-scaling": [
    "This model scales its positions in an unsupported way",
    "Choose another model.",
    "find-models",
    "built-in",
  ],
  "split-missing": [
    "A part of this model is missing",
    "The model comes in several files: choose or drop all of them together.",
    "other-file",
    "built-in",
  ],
  "split-duplicate": [
    "A part of this model was given twice",
    "Choose each of its files once.",
    "other-file",
    "built-in",
  ],
  "split-mismatch": [
    "These files do not belong together",
    "Choose all files of one model, from one place and of one version.",
    "other-file",
    "built-in",
  ],
  "hub-access": [
    "The Hugging Face Hub does not give this file to everyone",
    "Accept the model's licence on its page there, download it, then pick the file here.",
    "other-file",
    "built-in",
  ],
  "hub-not-found": [
    "The Hugging Face Hub has no such file",
    "Check the names for typing errors.",
    "find-models",
    "built-in",
  ],
  "no-gguf": [
    "This repository has no GGUF file",
    "Look for one whose name ends in GGUF.",
    "find-models",
    "built-in",
  ],
  "no-such-quant": [
    "This repository has no such quantisation",
    "Choose one of those that it has.",
    "find-models",
    "built-in",
  ],
  "file-unreadable": [
    "The file can no longer be read",
    "It was changed, moved or deleted after it was picked. Pick it again.",
    "other-file",
    "built-in",
  ],
  "no-size": [
    "This server does not say how large the file is",
    "Use another server, or download the file and pick it here.",
    "other-file",
    "built-in",
  ],
  "bad-range": [
    "This server answers requests for parts of a file wrongly",
    "Use another server, or download the file and pick it here.",
    "other-file",
    "built-in",
  ],
  "in-use": [
    "This model is being downloaded",
    "This tab or another one is loading it. Cancel that load first, then remove it.",
  ],
  "worker-failed": [
    "The part of intab that runs the model could not start",
    "Load the model again. If it comes back, reload the page.",
    "reload-model",
    "reload-page",
  ],
  disposed: ["The model was unloaded", "Load it again to go on.", "reload-model"],
};

/** An answer of a server in words: what it means and what helps differ too much for one text. */
function explainStatus(status: unknown): Words {
  if (status === 404 || status === 410) {
    return [
      "There is no file at this address",
      "Check the address for typing errors.",
      "built-in",
      "find-models",
    ];
  }
  if (status === 401 || status === 403) {
    const advice =
      "A model behind a login cannot be loaded by its address: download it, then pick the file here.";
    return ["The server does not give this file to everyone", advice, "other-file", "built-in"];
  }
  const advice = "It may be busy or out of order. Try again in a while: what was downloaded is kept.";
  return [
    `The server answered with an error${typeof status === "number" ? ` (${status})` : ""}`,
    advice,
    "retry",
    "built-in",
  ];
}

const UNKNOWN: Words = ["The model could not be used", "Try again.", "retry", "built-in"];

export function explain(error: unknown): Explained {
  if (error instanceof IntabError) {
    const { code, message, details } = error;
    const words = code === "http-status" ? explainStatus(details.status) : (WORDS[code] ?? UNKNOWN);
    const [title, advice, ...remedies] = words;
    return { code, title, message, advice, remedies };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: "unexpected",
    title: "Something unexpected went wrong",
    message,
    advice: "Try again; if it comes back, reload the page. Stored models stay.",
    remedies: ["retry", "reload-page"],
  };
}
