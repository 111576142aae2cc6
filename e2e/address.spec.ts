/** Addresses of models as people write them: no browser needed. */
import { expect, test } from "@playwright/test";
import { fileName, isFileOf, parseAddress, shownAddress, wholeRepository } from "../demo/address.ts";

const HUB = "https://huggingface.co";

test("names, pages and files of the Hub become its hf: names; other URLs stay", () => {
  for (const [typed, address] of [
    ["hf:owner/repo", "hf:owner/repo"],
    [" HF:owner/repo:Q4_K_M ", "hf:owner/repo:Q4_K_M"],
    ["hf://owner/repo/a/b.gguf", "hf:owner/repo/a/b.gguf"],
    ["owner/repo-GGUF", "hf:owner/repo-GGUF"],
    [`${HUB}/owner/repo`, "hf:owner/repo"],
    ["huggingface.co/owner/repo/", "hf:owner/repo"],
    ["https://hf.co/owner/repo?library=llama.cpp#x", "hf:owner/repo"],
    [`${HUB}/owner/repo/tree/main`, "hf:owner/repo"],
    [`${HUB}/owner/repo/tree/v1`, "hf:owner/repo@v1"],
    [`${HUB}/owner/repo/blob/main/a/b-Q4_0.gguf`, "hf:owner/repo/a/b-Q4_0.gguf"],
    [`${HUB}/owner/repo/resolve/refs%2Fpr%2F1/b.gguf?download=true`, "hf:owner/repo@refs%2Fpr%2F1/b.gguf"],
    ["https://example.com/m.gguf?X-Amz-Signature=1", "https://example.com/m.gguf?X-Amz-Signature=1"],
    ["example.com/m.gguf", "https://example.com/m.gguf"],
    ["http://127.0.0.1:8080/m.gguf", "http://127.0.0.1:8080/m.gguf"],
  ] as const) {
    expect(parseAddress(typed), typed).toBe(address);
  }
});

test("what is no address of a model is refused in words", () => {
  for (const [typed, words] of [
    ["", "Enter an address"],
    ["hf:owner", "names no repository"],
    ["hf:owner:Q4_0", "names no repository"],
    ["model.gguf", "not a complete address"],
    ["file:///model.gguf", "starts with https://"],
    [`${HUB}/owner`, "about no model"],
    [`${HUB}/datasets/owner/data`, "about no model"],
    [`${HUB}/owner/repo/blob/main/README.md`, "README.md is no GGUF file"],
  ] as const) {
    expect(() => parseAddress(typed), typed).toThrow(words);
  }
});

test("an hf: name is known again in the URL that it was stored under", () => {
  const url = `${HUB}/owner/repo/resolve/main/Model-Q4_K_M.gguf`;
  expect(isFileOf("hf:owner/repo", url)).toBe(true);
  expect(isFileOf("hf:owner/repo:q4_k_m", url)).toBe(true);
  expect(isFileOf("hf:owner/repo:Q4_K", url)).toBe(false);
  expect(isFileOf("hf:owner/repo:Q4_0", url)).toBe(false);
  expect(isFileOf("hf:owner/repo/Model-Q4_K_M.gguf", url)).toBe(true);
  expect(isFileOf("hf:owner/repo@v1", url)).toBe(false);
  expect(isFileOf("hf:owner/other", url)).toBe(false);
  expect(isFileOf("https://example.com/m.gguf", url)).toBe(false);
});

test("names for people hold no signature, and no file where a repository is meant", () => {
  expect(shownAddress("https://me:secret@example.com/m.gguf?token=secret")).toBe(
    "https://example.com/m.gguf",
  );
  expect(shownAddress("a cache key")).toBe("");
  expect(fileName("hf:owner/repo/a/b.gguf")).toBe("b.gguf");
  expect(fileName("https://example.com/a/my%20model.gguf?x=1")).toBe("my model.gguf");
  expect(fileName("a cache key")).toBe("a cache key");
  expect(wholeRepository("hf:owner/repo@v1")).toEqual({ repo: "owner/repo", revision: "v1" });
  expect(wholeRepository("hf:owner/repo:Q4_0")).toBeNull();
});
