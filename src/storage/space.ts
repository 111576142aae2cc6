/** How much room there is for models, and whether the browser will keep them. */
import type { StorageUsage } from "../types.ts";
import { listManifests } from "./database.ts";
import { storedBytes } from "./manifest.ts";

/** `navigator.storage`: absent on insecure pages. */
const manager = (): StorageManager | undefined => globalThis.navigator?.storage;

/**
 * Asks the browser not to evict this origin's data. Call it on the page: Firefox may ask the person. True if granted,
 * now or before; false if refused or not supported, which is no error: models then may have to be downloaded again.
 */
export async function requestPersistence(): Promise<boolean> {
  const storage = manager();
  if (!storage?.persist) return false;
  return (await storage.persisted()) || (await storage.persist());
}

/** What cached models take, what this origin uses and may use. Sizes are bytes; quota 0 = the browser does not tell. */
export async function storageUsage(): Promise<StorageUsage> {
  const modelBytes = (await listManifests()).reduce((sum, manifest) => sum + storedBytes(manifest), 0);
  const { usage = 0, quota = 0 } = (await manager()?.estimate?.()) ?? {};
  const persisted = (await manager()?.persisted?.()) ?? false;
  return { modelBytes, usageBytes: usage, quotaBytes: quota, persisted };
}

/**
 * Says on the console that a download may not find room. No more than that: the estimate is one, and browsers may report a
 * quota far below or above what they give; the write itself decides.
 * @param bytesNeeded Bytes still to be stored.
 */
export async function warnOfSpace(bytesNeeded: number): Promise<void> {
  const { usage = 0, quota = 0 } = (await manager()?.estimate?.()) ?? {};
  const free = Math.max(0, quota - usage);
  if (quota === 0 || bytesNeeded <= free) return;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  console.warn(
    `intab: The download needs ${megabytes(bytesNeeded)} of storage, and the browser estimates ${megabytes(free)} for this site. ` +
      "If it runs out, the load ends with the code quota-exceeded, and what is stored stays.",
  );
}
