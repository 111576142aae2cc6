/** intab: large language models inside a browser tab. Everything public is here. */
import { refused } from "./options.ts";
import { listModels, removeModel } from "./storage/cache.ts";
import { storageUsage } from "./storage/space.ts";

export { type ChatRenderer, loadTokenizer, type ModelTokenizer, openTemplate } from "./api/tokenizer.ts";
export { fit, load, type Model } from "./engine.ts";
export {
  DeviceLostError,
  DisposedError,
  DoesNotFitError,
  DownloadError,
  type ErrorDetails,
  GpuUnavailableError,
  InputError,
  IntabError,
  ModelFormatError,
  StorageError,
  UnsupportedModelError,
} from "./errors.ts";
export type { Generation } from "./generation.ts";
export { support } from "./support.ts";
export type * from "./types.ts";
export type { RenderChatOptions, TokenizeOptions } from "./worker/protocol.ts";

/** Models in this origin's cache. */
export const models = {
  /** All of them, half-downloaded ones too. */
  list: listModels,
  /** Deletes a model by the URL it was loaded from. */
  remove: async (url: string): Promise<void> => {
    if (typeof url !== "string") throw refused("url", url, "an address, as models.list() gives it");
    return removeModel(url);
  },
  /** Bytes taken by models, used and allowed in all, and whether the browser promised to keep them. */
  usage: storageUsage,
};
