/** The GGUF files of a repository on the Hugging Face Hub, for a person to choose from. */
import type { Repository } from "./address.ts";

export interface HubFile {
  /** Path in the repository; of a split model that of its first part. */
  path: string;
  /** Of all its parts; `null` where the Hub does not say. */
  bytes: number | null;
}

/** More are no choice any more, and the largest repositories have some hundreds. */
const MAX_SHOWN = 200;

/**
 * @param token sent to the Hub alone
 * @throws Error in words for the field, without the token; the signal's reason
 */
export async function listModelFiles(
  { repo, revision }: Repository,
  token: string,
  signal: AbortSignal,
): Promise<HubFile[]> {
  const address = `https://huggingface.co/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const headers: HeadersInit = token === "" ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(address, { headers, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new Error("The Hub cannot be reached. Check the connection, then try again.", { cause: error });
  }
  if (!response.ok) throw new Error(refusal(repo, response.status, token !== ""));
  const { siblings } = Object(await response.json()) as { siblings?: unknown };
  if (!Array.isArray(siblings)) throw new Error(`The Hub's answer about ${repo} is no list of files.`);
  const files = modelFiles(siblings);
  if (files.length === 0)
    throw new Error(`${repo} has no GGUF file. Look for a repository whose name ends in GGUF.`);
  return files.slice(0, MAX_SHOWN);
}

function refusal(repo: string, status: number, withToken: boolean): string {
  if (status === 404)
    return `The Hub has no repository ${repo} for everyone. Check the name for typing errors.`;
  if (status !== 401 && status !== 403)
    return `The Hub answered ${status} about ${repo}. Try again in a while.`;
  return withToken
    ? `The Hub does not let this access token read ${repo}. Accept the model's licence on its page with the token's account.`
    : `The Hub does not show ${repo} to everyone: the name may be wrong, or it needs an access token.`;
}

/** Models only, parts of one together, the smallest first. */
function modelFiles(siblings: readonly unknown[]): HubFile[] {
  const found = new Map<string, HubFile>();
  for (const entry of siblings) {
    const { rfilename, size } = Object(entry) as { rfilename?: unknown; size?: unknown };
    if (typeof rfilename !== "string" || !/\.gguf$/i.test(rfilename)) continue;
    // Projectors of vision models and importance matrices are no models.
    if (/(^|[/._-])(mmproj|imatrix)/i.test(rfilename)) continue;
    const path = rfilename.replace(/-\d{5}-of-(\d{5}\.gguf)$/i, "-00001-of-$1");
    const bytes = typeof size === "number" && size >= 0 ? size : null;
    const before = found.get(path);
    found.set(path, { path, bytes: before ? add(before.bytes, bytes) : bytes });
  }
  return [...found.values()].sort(
    (one, other) => (one.bytes ?? 0) - (other.bytes ?? 0) || (one.path < other.path ? -1 : 1),
  );
}

const add = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? null : one + other;
