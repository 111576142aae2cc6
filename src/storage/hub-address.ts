/** `hf:` addresses: `hf:owner/repo/folder/file.gguf`, `hf:owner/repo`, `hf:owner/repo:Q4_K_M`, each with `@revision`. */
import { InputError } from "../errors.ts";

export interface HubAddress {
  /** `owner/repo`. */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Path in the repository; `null`: one is to be chosen. */
  readonly file: string | null;
  /** Wanted quantisation, as written; `null`: whichever is the best known. */
  readonly quant: string | null;
}

const ADDRESS = /^hf:(?:\/\/)?([\w.-]+\/[\w.-]+)(?:@([^/:@]+))?(?:\/(.+)|:([\w.-]+))?$/i;

export const isHubAddress = (text: string): boolean => /^hf:/i.test(text);

/** @throws InputError `option` */
export function parseHubAddress(address: string): HubAddress {
  const [, repo, revision = "main", file, quant] = ADDRESS.exec(address.trim()) ?? [];
  if (!repo) throw notAnAddress(address, "it names no owner and repository");
  const path = file === undefined ? null : decoded(file, address);
  if (path !== null && !/\.gguf$/i.test(path))
    throw notAnAddress(address, `"${path.split("?")[0]}" is no .gguf file`);
  const parts = [...repo.split("/"), ...(path?.split("/") ?? [])];
  if (parts.some(part => part === "" || part === "." || part === ".."))
    throw notAnAddress(address, "its path has an empty part, . or ..");
  // A revision such as refs/pr/1 has to be written refs%2Fpr%2F1.
  return { repo, revision: decoded(revision, address), file: path, quant: quant ?? null };
}

/** The address of a file in a repository. @param base of the hub, without a slash at its end */
export function hubFileUrl(base: string, { repo, revision }: HubAddress, file: string): string {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return `${base}/${repo}/resolve/${encodeURIComponent(revision)}/${path}`;
}

function decoded(text: string, address: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw notAnAddress(address, `"${text}" has a % that stands for nothing`);
  }
}

function notAnAddress(given: string, why: string): InputError {
  const address = given.replace(/\?.*/s, "?…").slice(0, 300); // a query may hold a token
  return new InputError(
    "option",
    `"${address}" is no address on the Hub: ${why}. Write hf:owner/repo/file.gguf, hf:owner/repo or ` +
      "hf:owner/repo:Q4_K_M; a revision goes behind the repository: hf:owner/repo@main/file.gguf.",
    { details: { option: "source", value: address } },
  );
}
