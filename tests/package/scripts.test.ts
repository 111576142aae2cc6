import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_MAX_TOKENS, HELP, parseAskArguments } from "../../scripts/lib/ask-options.mjs";
import { endMarked, run, statusText } from "../../scripts/lib/process.mjs";
import { readPlaywrightReport, readVitestReport } from "../../scripts/lib/reports.mjs";
import { byteRange, serve } from "../../scripts/lib/server.mjs";
import { minifyWgsl, shortNames } from "../../scripts/lib/wgsl.mjs";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "intab-scripts-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

describe("the command line of ask", () => {
  const task = (...arguments_: string[]) => {
    const request = parseAskArguments(arguments_);
    if (request === "help" || request.task.kind !== "prompt") throw new Error("a prompt was expected");
    return request.task;
  };

  test("takes a prompt as an argument or by --prompt", () => {
    expect(task("hi").input).toEqual({ prompt: "hi", raw: false });
    expect(task("--prompt", "hi", "--raw").input).toEqual({ prompt: "hi", raw: true });
    expect(task("hi", "--system", "be brief").input).toEqual({
      prompt: "hi",
      raw: false,
      system: "be brief",
    });
  });

  test("takes ids from the line and from a file, and messages from a file", () => {
    expect(task("--ids", "1, 2,3").input).toEqual({ ids: [1, 2, 3] });
    expect(task("--ids-file", file("ids.json", [4, 5])).input).toEqual({ ids: [4, 5] });
    const messages = [{ role: "user", content: "hi" }];
    expect(task("--messages", file("messages.json", messages)).input).toEqual({ messages });
  });

  test("hands over only the sampling options that were given", () => {
    expect(task("hi").options).toEqual({ maxTokens: DEFAULT_MAX_TOKENS });
    const penalties = ["--repetition-penalty=1.1", "--frequency-penalty=-0.5", "--presence-penalty=2"];
    expect(task("hi", "--max-tokens=8", ...penalties).options).toEqual({
      maxTokens: 8,
      repetitionPenalty: 1.1,
      frequencyPenalty: -0.5,
      presencePenalty: 2,
    });
    expect(() => task("hi", "--presence-penalty=3")).toThrow("from -2 to 2");
    expect(
      task("hi", "--max-tokens=8", "--temperature=0", "--top-k=40", "--top-p=.9", "--min-p=.1", "--seed=7")
        .options,
    ).toEqual({ maxTokens: 8, temperature: 0, topK: 40, topP: 0.9, minP: 0.1, seed: 7 });
  });

  test("caps the number of tokens unless it is given, and then sets up no context for it", () => {
    expect(parseAskArguments(["--ids", "1,2"])).toMatchObject({
      capped: true,
      loadOptions: {},
      task: { options: { maxTokens: DEFAULT_MAX_TOKENS } },
    });
    expect(parseAskArguments(["--ids", "1,2", "--max-tokens", "5"])).toMatchObject({
      capped: false,
      loadOptions: { contextLength: 7 },
      task: { options: { maxTokens: 5 } },
    });
  });

  test("generates after --logits or --perplexity only when asked to", () => {
    const out = join(folder, "out.f32");
    expect(task("hi")).toMatchObject({ generate: true, logits: false });
    expect(task("hi", "--max-tokens", "0").generate).toBe(false);
    expect(task("hi", "--logits", out)).toMatchObject({ generate: false, logits: true });
    expect(task("hi", "--perplexity", "--max-tokens", "4")).toMatchObject({
      generate: true,
      perplexity: true,
    });
  });

  test("reads lists to tokenise and to render", () => {
    const texts = file("texts.json", ["a", { text: "b", add_special: true, parse_special: false }]);
    expect(parseAskArguments(["--tokenize", texts])).toMatchObject({
      task: {
        kind: "tokenize",
        texts: [
          { text: "a", addSpecial: false, parseSpecial: false },
          { text: "b", addSpecial: true, parseSpecial: false },
        ],
      },
    });
    expect(parseAskArguments(["--tokenize", texts, "--parse-special"])).toMatchObject({
      task: { texts: [{ parseSpecial: true }, { parseSpecial: false }] },
    });
    const messages = [{ role: "user", content: "hi" }];
    const conversations = file("render.json", [{ messages, add_generation_prompt: true }]);
    expect(parseAskArguments(["--render", conversations])).toMatchObject({
      task: { kind: "render", conversations: [{ messages, addGenerationPrompt: true }] },
    });
  });

  test.each([
    [[], "no prompt"],
    [["a", "b"], "quotation marks"],
    [["a", "--prompt", "b"], "given twice"],
    [["a", "--ids", "1"], "Only one"],
    [["a", "--nonsense"], "--nonsense"],
    [["a", "--top-p", "1.5"], "from 0 to 1"],
    [["a", "--seed", "1.5"], "an integer"],
    [["a", "--max-tokens", ""], "--max-tokens"],
    [["--ids", "1,x"], "no token id"],
    [["--ids", "-1"], "--ids"],
    [["--ids-file", "/nowhere.json"], "could not be read"],
    [["--ids", "1", "--raw"], "--raw"],
    [["a", "--raw", "--system", "s"], "--system"],
    [["a", "--logits", "/nowhere/out.f32"], "no folder"],
    [["--tokenize", "/nowhere.json"], "could not be read"],
  ] as [string[], string][])("refuses %j with exit status 2, saying why", (arguments_, reason) => {
    expect(() => parseAskArguments(arguments_)).toThrow(
      expect.objectContaining({ name: "UsageError", exitCode: 2, message: expect.stringContaining(reason) }),
    );
  });

  test("documents every option that it takes", () => {
    const source = readFileSync(new URL("../../scripts/lib/ask-options.mjs", import.meta.url), "utf8");
    const table = /options: \{([\s\S]*?)\n {6}\},/.exec(source)![1]!;
    const options = [...table.matchAll(/^\s+"?([a-z0-9-]+)"?: /gm)].map(match => match[1]!);
    expect(options.length).toBeGreaterThan(20);
    for (const option of options) expect(HELP).toContain(`--${option}`);
  });
});

describe("the static server", () => {
  test.each([
    [undefined, undefined],
    ["bytes=0-3", [0, 3]],
    ["bytes=4-", [4, 9]],
    ["bytes=-2", [8, 9]],
    ["bytes=-20", [0, 9]],
    ["bytes=8-99", [8, 9]],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=0-1,3-4", undefined],
    ["bytes=-", undefined],
  ])("reads the range %s of ten bytes as %j", (header, expected) => {
    expect(byteRange(header, 10)).toEqual(expected);
  });

  test("answers ranges, missing files and paths out of its folder", async () => {
    file("page.html", "0123456789");
    file("empty.txt", "");
    const server = await serve({ root: folder });
    const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers });
    try {
      const whole = await get("/page.html");
      expect(whole.headers.get("content-type")).toContain("text/html");
      expect(await whole.text()).toBe("0123456789");
      const part = await get("/page.html", { range: "bytes=2-4" });
      expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
        206,
        "bytes 2-4/10",
        "234",
      ]);
      expect((await get("/page.html", { range: "bytes=10-" })).status).toBe(416);
      expect(await (await get("/empty.txt")).text()).toBe("");
      expect((await get("/page.html", { "if-none-match": whole.headers.get("etag")! })).status).toBe(304);
      for (const path of ["/none", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/page.html/x"]) {
        expect((await get(path)).status).toBe(404);
      }
      expect((await get("/%E0%A4%A")).status).toBe(400);
      expect((await fetch(`${server.url}/page.html`, { method: "PUT", body: "x" })).status).toBe(404);
    } finally {
      await server.close();
    }
  });

  test("stores an upload where it was told to", async () => {
    const target = join(folder, "upload.bin");
    const server = await serve({ root: folder, uploads: { "/up": () => target } });
    try {
      expect((await fetch(`${server.url}/up`, { method: "PUT", body: new Uint8Array(100_000) })).status).toBe(
        204,
      );
      expect(readFileSync(target).length).toBe(100_000);
    } finally {
      await server.close();
    }
  });
});

describe("shaders as shipped", () => {
  test("lose comments, nested ones too, and indentation, and keep their lines", () => {
    const source =
      "// title\n#import state // why\nfn f( a : u32 ) {\n  /* a /* b */ c */ return a - -b; // end\n\n}\n";
    expect(minifyWgsl(source)).toBe("#import state\nfn f(a:u32){\nreturn a - -b;\n}");
  });

  test("get short names, the same in all files, but where TypeScript says the name", () => {
    const sources = [
      "struct Rows { first_row: u32, }\noverride WIDTH: u32;\nconst LIMIT = 4u;\nfn sum_of(first_row: u32, width: u32) -> u32 { let total = first_row + width + b; return total; }",
      "#import rows\n#repeat n COUNT\nfn main() { var<private> kept: u32; let total = sum_of(LIMIT, HELD); part#n = total; }\nconst HELD = 2u;",
    ];
    const names = shortNames(sources, new Set(["HELD"]));
    expect([...names.keys()].sort()).toEqual(["LIMIT", "kept", "sum_of", "total", "width"]);
    expect(new Set(names.values()).size).toBe(names.size);
    expect([...names.values()]).not.toContain("b"); // somebody's name already
    const [first, second] = sources.map(source => minifyWgsl(source, names));
    const short = (name: string) => names.get(name);
    expect(first).toContain(
      `fn ${short("sum_of")}(first_row:u32,${short("width")}:u32)-> u32{let ${short("total")}`,
    );
    expect(second).toContain(`${short("sum_of")}(${short("LIMIT")},HELD)`);
    expect(second).toContain("#import rows\n#repeat n COUNT");
  });

  test("keep apart what a comment stood between", () => {
    expect(minifyWgsl("let/**/x = 1;")).toBe("let x = 1;");
  });
});

describe("the sums of npm test", () => {
  test("count what Vitest reports, a file that did not load included", () => {
    const report = file("vitest.json", {
      testResults: [
        {
          name: "/x/tests/unit/a.test.ts",
          status: "failed",
          assertionResults: [
            { status: "passed", fullName: "a" },
            { status: "failed", fullName: "b" },
            { status: "skipped", fullName: "c" },
            { status: "todo", fullName: "d" },
          ],
        },
        {
          name: "/x/tests/unit/b.test.ts",
          status: "failed",
          message: "SyntaxError\nat x",
          assertionResults: [],
        },
      ],
    });
    expect(readVitestReport(report, 1)).toEqual({
      passed: 1,
      failed: 2,
      skipped: ["tests/unit/a.test.ts > c", "tests/unit/a.test.ts > d"],
      problems: ["tests/unit/a.test.ts > b", "tests/unit/b.test.ts: SyntaxError"],
    });
  });

  test("count what Playwright reports, and a flaky test as failed", () => {
    const spec = (title: string, status: string) => ({ title, tests: [{ status, annotations: [] }] });
    const report = file("playwright.json", {
      suites: [
        {
          title: "chat.spec.ts",
          specs: [spec("a", "expected"), spec("b", "flaky")],
          suites: [{ title: "group", specs: [spec("c", "unexpected"), spec("d", "skipped")] }],
        },
      ],
      errors: [],
    });
    expect(readPlaywrightReport(report, 1)).toEqual({
      passed: 1,
      failed: 2,
      skipped: ["chat.spec.ts > group > d"],
      problems: ["chat.spec.ts > b (flaky)", "chat.spec.ts > group > c"],
    });
  });

  test("call a missing report, an empty one and an unexplained exit status a failure", () => {
    expect(readVitestReport(join(folder, "none.json"), 0).failed).toBe(1);
    expect(readVitestReport(file("empty.json", { testResults: [] }), 0).failed).toBe(1);
    const fine = file("fine.json", {
      testResults: [{ name: "a", status: "passed", assertionResults: [{ status: "passed", fullName: "a" }] }],
    });
    expect(readVitestReport(fine, 0).failed).toBe(0);
    expect(readVitestReport(fine, 1).failed).toBe(1);
  });
});

describe("processes", () => {
  test("that a signal ends have a status that says which", async () => {
    const status = await run(process.execPath, ["-e", "process.kill(process.pid, 'SIGTERM')"]);
    expect([status, statusText(status), statusText(1)]).toEqual([143, "status 143: SIGTERM", "status 1"]);
    const report = file("ended.json", {
      testResults: [{ name: "a", status: "passed", assertionResults: [{ status: "passed", fullName: "a" }] }],
    });
    expect(readVitestReport(report, status).problems).toEqual([
      "the runner was ended by a signal (status 143: SIGTERM)",
    ]);
  });

  test.skipIf(process.platform !== "linux")(
    "that outlive their lane are found by its mark, and ended",
    async () => {
      const start = (value: string) =>
        spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"], {
          detached: true,
          env: { ...process.env, INTAB_MARK: value },
        });
      const [ours, other] = [start("ours"), start("other")];
      await Promise.all([once(ours, "spawn"), once(other, "spawn")]);
      const closed = once(ours, "close");
      expect(await endMarked("INTAB_MARK=ours", 0)).toEqual([expect.stringContaining("setTimeout")]);
      expect(await closed).toEqual([null, "SIGKILL"]);
      expect(other.exitCode ?? other.signalCode).toBeNull();
      other.kill();
      await once(other, "close");
      expect(await endMarked("INTAB_MARK=other", 5000)).toEqual([]);
    },
  );
});
