/** What the cache holds of a repository on the Hub. */
import { listManifests } from "./database.ts";
import { type HubAddress, hubFileUrl, parseHubAddress } from "./hub-address.ts";
import { DEFAULT_QUANTS, fileOf, modelFiles } from "./hub-files.ts";

export const HUB = "https://huggingface.co";

export interface StoredFiles {
  /** Paths of the models' files in the repository. */
  readonly files: readonly string[];
  /** The one that the repository's bare address was last taken for. */
  readonly chosen: string | undefined;
}

/** @param base of the hub, without a slash at its end @param whole only models that are stored to the end */
export async function storedFiles(base: string, address: HubAddress, whole: boolean): Promise<StoredFiles> {
  const prefix = hubFileUrl(base, address, "");
  const found = (await listManifests()).filter(
    ({ url, complete }) => url.startsWith(prefix) && (complete || !whole),
  );
  const pathOf = (url: string): string => decodeURIComponent(url.slice(prefix.length).split("?")[0]!);
  const chosen = found.find(manifest => manifest.chosen);
  return { files: modelFiles(found.map(({ url }) => pathOf(url))), chosen: chosen && pathOf(chosen.url) };
}

/** The stored file that an `hf:` address stands for, without a question to the Hub. @throws InputError `option` */
export async function storedUrl(text: string, hubUrl = HUB): Promise<string | null> {
  const base = hubUrl.replace(/\/+$/, "");
  const address = parseHubAddress(text);
  const { files, chosen } = await storedFiles(base, address, false);
  const wanted = address.quant === null ? DEFAULT_QUANTS : [address.quant];
  const file = address.file ?? (address.quant === null ? chosen : undefined) ?? fileOf(files, wanted);
  return file === undefined ? null : hubFileUrl(base, address, file);
}
