/** Is there room for a model, and will the browser keep it. */
import { DoesNotFitError } from "../errors.ts";
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
 * Refuses a download that the quota cannot hold. Passes where the browser gives no estimate.
 * @param bytesNeeded Bytes still to be stored.
 * @throws DoesNotFitError `storage-space`, with what is needed, free and taken by cached models.
 */
export async function checkStorage(bytesNeeded: number): Promise<void> {
  const { usageBytes, quotaBytes, modelBytes } = await storageUsage();
  const freeBytes = Math.max(0, quotaBytes - usageBytes);
  if (quotaBytes === 0 || bytesNeeded <= freeBytes) return;
  const remedy =
    modelBytes > 0
      ? `Cached models take ${megabytes(modelBytes)}: remove some with models.remove(url) (models.list() names them), or free disk space.`
      : "Free disk space, or load the model from a File, which needs no storage.";
  throw new DoesNotFitError(
    "storage-space",
    `The download needs ${megabytes(bytesNeeded)} more storage, and the browser leaves this site ${megabytes(freeBytes)} ` +
      `of ${megabytes(quotaBytes)}. ${remedy}`,
    { details: { bytesNeeded, freeBytes, quotaBytes, modelBytes } },
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
