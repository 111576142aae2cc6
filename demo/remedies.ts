/** What the page can do about a failure. `main.ts` carries them out. */
export type Remedy =
  | "retry"
  | "download-again"
  | "free-storage"
  | "other-file"
  | "built-in"
  | "short-context"
  | "longer-context"
  | "reload-model"
  | "new-chat"
  | "reload-page"
  | "show-settings"
  | "reset-settings"
  | "show-address"
  | "access-token"
  | "show-gallery"
  | "gpu-help"
  | "find-models";

export const REMEDY_LABELS: Readonly<Record<Remedy, string>> = {
  retry: "Try again",
  "download-again": "Remove and download again",
  "free-storage": "Show stored models",
  "other-file": "Choose another file",
  "built-in": "Use the built-in model",
  "short-context": "Load with a short context",
  "longer-context": "Set the context length",
  "reload-model": "Load the model again",
  "new-chat": "Start a new chat",
  "reload-page": "Reload the page",
  "show-settings": "Show the settings",
  "reset-settings": "Reset the settings",
  "show-address": "Change the address",
  "access-token": "Give an access token",
  "show-gallery": "Choose another model",
  "gpu-help": "About WebGPU support",
  "find-models": "Find models on the Hub",
};
