/** Which model a visit begins with: the one that was in use last, where that needs no download. */
import { models } from "intab";
import { BUILT_IN, fromUrl, type Source } from "./catalog.ts";

const KEY = "intab.model";

/** A file of this device cannot be named: after a reload its place is taken by the last one with an address. */
export function rememberModel({ from }: Source): void {
  if (typeof from === "string") localStorage.setItem(KEY, from);
}

/** The built-in one unless another is remembered and stored in full: nobody wants gigabytes without having asked. */
export async function chosenModel(): Promise<Source> {
  const from = localStorage.getItem(KEY);
  if (from === null || from === BUILT_IN.from) return BUILT_IN;
  try {
    const stored = (await models.list()).some(({ url, complete }) => url === from && complete);
    return stored ? fromUrl(from) : BUILT_IN;
  } catch (error) {
    // the panel says what is wrong with the storage
    console.info("The stored models cannot be listed.", error);
    return BUILT_IN;
  }
}
