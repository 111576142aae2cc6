/** intab: large language models inside a browser tab. Everything public is here. */
import { listModels, removeModel } from "./storage/cache.ts";
import { listSessions, removeSession } from "./storage/saved-sessions.ts";
import { storageUsage } from "./storage/space.ts";

export { type ChatRenderer, loadTokenizer, type ModelTokenizer, openTemplate } from "./api/tokenizer.ts";
export type { RenderChatOptions, TokenizeOptions } from "./boundary/protocol.ts";
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
export type { ChatInput, ChatSession, TurnOptions } from "./page/chat-session.ts";
export type { Generation } from "./page/generation.ts";
export { fit, load } from "./page/load.ts";
export type { Model } from "./page/model.ts";
export { support } from "./page/support.ts";
export type * from "./types.ts";

/** Models in this origin's cache. */
export const models = {
  /** All of them, half-downloaded ones too. */
  list: listModels,
  /** Deletes a model by what it was loaded from, or by its `url` in the list. */
  remove: removeModel,
  /** Bytes taken by models, used and allowed in all, and whether the browser promised to keep them. */
  usage: storageUsage,
};

/** Conversations that `session.save(name)` kept. */
export const sessions = {
  list: listSessions,
  /** Nothing happens where there is none of that name. */
  remove: removeSession,
};
