// Files under tests/golden, for tests that run in the browser (fetched from Vite's server) and in Node (read
// from disk).
const url = (path: string): URL => new URL(/* @vite-ignore */ `../golden/${path}`, import.meta.url);

/** @param path below tests/golden, such as `quant/x.f32` */
export async function loadFixture(path: string): Promise<ArrayBuffer> {
  const file = url(path);
  if (file.protocol === "file:") {
    const name = "node:fs/promises"; // not a literal: the browser run must not try to resolve it
    const { readFile } = (await import(/* @vite-ignore */ name)) as typeof import("node:fs/promises");
    const bytes = await readFile(file);
    return new Uint8Array(bytes).buffer;
  }
  const response = await fetch(file);
  // the server answers a path that it does not know with a page
  if (!response.ok || response.headers.get("content-type")?.includes("text/html")) {
    throw new Error(`No fixture ${path}: ${file} gave ${response.status}`);
  }
  return response.arrayBuffer();
}

/** A file by its absolute path, of which only what is read comes into memory. */
export async function loadFile(path: string): Promise<Blob> {
  if (import.meta.url.startsWith("file:")) {
    const name = "node:fs";
    const { openAsBlob } = (await import(/* @vite-ignore */ name)) as typeof import("node:fs");
    return openAsBlob(path);
  }
  const response = await fetch(`/@fs${path}`);
  if (!response.ok) throw new Error(`No file ${path}: status ${response.status}`);
  return response.blob();
}

export async function loadJsonFixture<T>(path: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await loadFixture(path))) as T;
}

export async function loadF32Fixture(path: string): Promise<Float32Array<ArrayBuffer>> {
  return new Float32Array(await loadFixture(path));
}
