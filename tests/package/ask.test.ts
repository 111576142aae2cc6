// `npm run ask` as a person runs it: the built-in model in a real Chromium.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HELP } from "../../scripts/lib/ask-options.mjs";
import { ensureBuilt } from "../../scripts/lib/build.mjs";
import { root } from "../../scripts/lib/process.mjs";

let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "intab-ask-"));
  await ensureBuilt("demo");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ask = (...arguments_: string[]) =>
  spawnSync(process.execPath, [join(root, "scripts/ask.mjs"), ...arguments_], {
    encoding: "utf8",
    cwd: folder,
  });

/** What transformers computed for the built-in model: see public/models/README.md. */
interface GoldenPrompt {
  kind: "raw" | "chat";
  ids: number[];
  tokens: number[];
  last_top20: [id: number, logit: number][];
}
const golden = JSON.parse(readFileSync(join(root, "public/models/golden.json"), "utf8")) as {
  files: Record<string, GoldenPrompt[]>;
};
const VOCABULARY = 49152;

describe("npm run ask", () => {
  test("prints its contract", () => {
    const { status, stdout, stderr } = ask("--help");
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: HELP, stderr: "" });
  });

  test("streams an answer to stdout, and nothing else", () => {
    const { status, stdout } = ask("Why is the sky blue?", "--max-tokens", "6", "--temperature", "0");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\S.*\n$/s);
  });

  test("prints one JSON object, writes logits in full, and generates from ids", () => {
    const { ids, tokens, last_top20 } = Object.values(golden.files)[0]!.find(({ kind }) => kind === "raw")!;
    const { status, stdout, stderr } = ask(
      ...["--ids", ids.join(","), "--logits", "out.f32", "--perplexity"],
      ...["--max-tokens", "3", "--temperature", "0", "--json"],
    );
    expect(stderr).not.toContain("Error");
    expect(status).toBe(0);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({
      text: expect.any(String),
      ids: expect.any(Array),
      promptIds: ids,
      finishReason: expect.stringMatching(/^(stop|length)$/),
      adapter: {
        vendor: expect.any(String),
        architecture: expect.any(String),
        features: expect.any(Array),
        fallback: expect.any(Boolean),
      },
      kernels: {
        matvec: [expect.stringMatching(/^(rows|subgroups|workgroup)$/)],
        matmul: expect.arrayContaining([expect.stringMatching(/^(rows|tile-|matrix-)/)]),
        "attention-decode": [expect.any(String)],
        "attention-prefill": [expect.any(String)],
      },
      timings: {
        loadMs: expect.any(Number),
        prefillMs: expect.any(Number),
        decodeMs: expect.any(Number),
        timeToFirstTokenMs: expect.any(Number),
        prefillTokensPerSecond: expect.any(Number),
        decodeTokensPerSecond: expect.any(Number),
      },
      dispatchesPerToken: expect.any(Number),
      submitsPerToken: expect.any(Number),
      gpuBytes: expect.any(Number),
      meanNegativeLogLikelihood: expect.any(Number),
      logits: { shape: [ids.length, VOCABULARY], dtype: "float32" },
    });
    const bytes = readFileSync(join(folder, "out.f32"));
    expect(bytes.length).toBe(ids.length * VOCABULARY * 4);
    const [best, logit] = last_top20[0]!;
    expect(answer.ids).toEqual(tokens.slice(0, 3));
    expect(bytes.readFloatLE(((ids.length - 1) * VOCABULARY + best) * 4)).toBeCloseTo(logit, 1);
  });

  test("tokenises and renders lists", () => {
    writeFileSync(join(folder, "texts.json"), JSON.stringify(["Hello", "<|im_end|>"]));
    const { stdout } = ask("--tokenize", "texts.json", "--parse-special");
    expect(JSON.parse(stdout)).toEqual([[expect.any(Number)], [2]]);
    writeFileSync(
      join(folder, "render.json"),
      JSON.stringify([{ messages: [{ role: "user", content: "Hi" }], add_generation_prompt: true }]),
    );
    const [rendered] = JSON.parse(ask("--render", "render.json").stdout) as { text: string }[];
    expect(rendered?.text).toMatch(/<\|im_start\|>user\nHi<\|im_end\|>\n<\|im_start\|>assistant\n$/);
    writeFileSync(join(folder, "t.jinja"), "{{ bos_token }}{% if x %}{{ raise_exception('no') }}{% endif %}");
    writeFileSync(join(folder, "two.json"), JSON.stringify([{ messages: [] }, { messages: [], x: true }]));
    expect(JSON.parse(ask("--render", "two.json", "--template", "t.jinja").stdout)).toEqual([
      { text: "<BOS>" },
      { error: "TemplateError: no" },
    ]);
  });

  test("names a failure on stderr, exits with 1 and leaves nothing behind", () => {
    writeFileSync(join(folder, "bad.gguf"), "this is no model");
    const before = readdirSync(folder);
    const { status, stdout, stderr } = ask("--model", "bad.gguf", "hi", "--json", "--logits", "bad.f32");
    expect(stdout).toBe("");
    expect(stderr).toMatch(/ModelFormatError \[not-gguf\]: /);
    expect(status).toBe(1);
    expect(readdirSync(folder)).toEqual(before);
  });

  test("exits with 2 on a wrong command line", () => {
    const { status, stdout, stderr } = ask("--model");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("UsageError [option]");
  });
});
