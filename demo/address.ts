/** Addresses of models as people write them: hf: names, the Hub's pages, files on any server. */

const HUB = "https://huggingface.co";
/** What the Hub's site has beside its repositories: `huggingface.co/docs/hub` is none. */
const NO_OWNERS =
  /^(api|blog|collections|datasets|docs|join|learn|login|models|new|organizations|papers|pricing|settings|spaces|tasks)$/;

export interface Repository {
  /** `owner/repo`. */
  repo: string;
  revision: string;
}

const isHub = (address: string): boolean => /^hf:/i.test(address);

/** The name that a model is shown by, from its address. */
export function fileName(address: string): string {
  if (isHub(address)) return decodeURIComponent(address.split("/").pop() ?? address);
  if (!URL.canParse(address)) return address;
  const name = new URL(address).pathname.split("/").pop();
  return name ? decodeURIComponent(name) : address;
}

/** An address for people to read: without user, password and query, which may hold what signs it. */
export function shownAddress(address: string): string {
  if (isHub(address)) return address.split("?")[0]!;
  if (!URL.canParse(address)) return "";
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}

/** Whether an hf: name stands for the file at this URL of the Hub; one of a repository alone, for any of its files. */
export function isFileOf(name: string, url: string): boolean {
  const parts = /^hf:([\w.-]+\/[\w.-]+)(?:@([^/:@]+))?(?::([\w.-]+)|\/(.+))?$/i.exec(name);
  if (!parts) return false;
  const [, repo, revision = "main", quant, file] = parts;
  const start = `${HUB}/${repo}/resolve/${revision}/`;
  if (!url.startsWith(start)) return false;
  const path = url.slice(start.length);
  if (file !== undefined) return path === file;
  return quant === undefined || new RegExp(`(^|[-_./])${quant}(?=[-.]|$)`, "i").test(path);
}

/** The repository that an hf: name stands for, where it names neither a file nor a quantisation; else `null`. */
export function wholeRepository(address: string): Repository | null {
  const [, repo, revision = "main"] = /^hf:([\w.-]+\/[\w.-]+)(?:@([^/:@]+))?$/i.exec(address) ?? [];
  return repo ? { repo, revision: decodeURIComponent(revision) } : null;
}

/** The hf: name of one file. */
export function hubName({ repo, revision }: Repository, file: string): string {
  const at = revision === "main" ? "" : `@${encodeURIComponent(revision)}`;
  return `hf:${repo}${at}/${file.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * The address that a person typed, as `load` takes it: the Hub's pages about a repository or a file become its hf: name.
 * @throws Error in words for the field, if it cannot be one.
 */
export function parseAddress(text: string): string {
  const typed = text.trim();
  if (typed === "") {
    throw new Error("Enter an address, such as hf:owner/repo or https://example.com/model.gguf.");
  }
  if (isHub(typed)) return checkedName(typed);
  let url: URL;
  try {
    url = new URL(/^[\w-]+(\.[\w-]+)+\//.test(typed) ? `https://${typed}` : typed);
  } catch {
    if (/^[\w-][\w.-]*\/[\w.-]+(:\w+)?$/.test(typed)) return `hf:${typed}`;
    throw new Error(
      "That is not a complete address. It starts with https:// and ends with the file's name, or is hf:owner/repo.",
    );
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new Error(
      `An address starts with https://; this one starts with ${url.protocol}. Use the file picker for a file of yours.`,
    );
  }
  return /^(www\.)?(huggingface\.co|hf\.co)$/.test(url.hostname) ? fromPage(url) : url.href;
}

function checkedName(name: string): string {
  const rest = name.slice("hf:".length).replace(/^\/\//, "");
  const [owner, repo] = rest.split(/[/:]/);
  if (!owner || !repo || !rest.includes("/")) {
    throw new Error(
      `"${name.split("?")[0]}" names no repository. Write hf:owner/repo, hf:owner/repo:Q4_K_M or hf:owner/repo/file.gguf.`,
    );
  }
  return `hf:${rest}`;
}

/** What a page of the Hub is about. */
function fromPage(url: URL): string {
  const [owner = "", repo = "", what, revision = "main", ...path] = url.pathname
    .slice(1)
    .replace(/\/$/, "")
    .split("/");
  if (!repo || NO_OWNERS.test(owner))
    throw new Error(
      "That page of the Hub is about no model. Open the model's own page and copy its address.",
    );
  const at = revision === "main" ? "" : `@${revision}`;
  const file = path.join("/");
  if ((what === "blob" || what === "resolve" || what === "raw") && file !== "") {
    if (!/\.gguf$/i.test(file))
      throw new Error(`${decodeURIComponent(file)} is no GGUF file: its name ends in .gguf.`);
    return `hf:${owner}/${repo}${at}/${file}`;
  }
  return `hf:${owner}/${repo}${what === "tree" ? at : ""}`;
}
