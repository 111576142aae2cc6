import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { listModels } from "../../src/storage/cache.ts";
import { hubFileUrl, parseHubAddress } from "../../src/storage/hub-address.ts";
import { DEFAULT_QUANTS, fileOf, modelFiles } from "../../src/storage/hub-files.ts";
import { HubServer } from "./support/hub-server.ts";
import { loaded, modelBytes, open } from "./support/models.ts";
import { splitGguf } from "./support/split-gguf.ts";
import { everythingStored, fakeBrowser } from "./support/storage-browser.ts";

const WHOLE = modelBytes();
const SECRET = "hf_averysecrettoken";

describe("an hf: address", () => {
  test.each([
    ["hf:o/r", { repo: "o/r", revision: "main", file: null, quant: null }],
    ["hf:o/r:Q4_K_M", { repo: "o/r", revision: "main", file: null, quant: "Q4_K_M" }],
    ["hf:o/r@v1.0:q8_0", { repo: "o/r", revision: "v1.0", file: null, quant: "q8_0" }],
    ["hf:o/r/m.gguf", { repo: "o/r", revision: "main", file: "m.gguf", quant: null }],
    ["HF://o/r.GGUF/a b/m:2.gguf", { repo: "o/r.GGUF", revision: "main", file: "a b/m:2.gguf", quant: null }],
    [
      "hf:o/r@refs%2Fpr%2F1/a%20b.GGUF",
      { repo: "o/r", revision: "refs/pr/1", file: "a b.GGUF", quant: null },
    ],
  ])("%s is understood", (address, parts) => {
    expect(parseHubAddress(address)).toEqual(parts);
  });

  test.each([
    "hf:",
    "hf:o",
    "hf:o/",
    "hf:o/r/",
    "hf:o/r/m.bin",
    "hf:../r/m.gguf",
    "hf:o/r/../x/m.gguf",
    "hf:o/r//m.gguf",
    "hf:o/r/%.gguf",
    "hf:o/r@/m.gguf",
    "hf:o/r:Q4/m.gguf",
    "hf:o/r?x",
  ])("%s is a named error that says how one is written", address => {
    expect(() => parseHubAddress(address)).toThrow(
      expect.objectContaining({
        code: "option",
        message: expect.stringMatching(/hf:owner\/repo\/file\.gguf/),
      }),
    );
  });

  test("becomes a URL with every part encoded", () => {
    const address = parseHubAddress("hf:o/r@refs%2Fpr%2F1/a b/#m?.gguf");
    expect(hubFileUrl("https://hub", address, address.file!)).toBe(
      "https://hub/o/r/resolve/refs%2Fpr%2F1/a%20b/%23m%3F.gguf",
    );
  });
});

describe("the choice of a file", () => {
  const files = modelFiles([
    "README.md",
    "Model-Q8_0.gguf",
    "Model-Q4_K_S.gguf",
    "Model-Q4_K_M.gguf",
    "Model-Q4_0_4_4.gguf",
    "Model-UD-Q4_K_XL.gguf",
    "model.iq4_xs.gguf",
    "mmproj-Model-F16.gguf",
    "Model.imatrix.gguf",
    "BF16/Model-BF16-00002-of-00002.gguf",
    "BF16/Model-BF16-00001-of-00002.gguf",
    "q5_k_m/model.gguf",
  ]);

  test("is by name, in any case; a whole name before a beginning", () => {
    const choose = (quant: string): string | undefined => fileOf(files, [quant]);
    expect(choose("Q8_0")).toBe("Model-Q8_0.gguf");
    expect(choose("q4_k_s")).toBe("Model-Q4_K_S.gguf");
    expect(choose("Q4_K")).toBe("Model-Q4_K_M.gguf");
    expect(choose("UD-Q4_K_XL")).toBe("Model-UD-Q4_K_XL.gguf");
    expect(choose("IQ4_XS")).toBe("model.iq4_xs.gguf");
    expect(choose("BF16")).toBe("BF16/Model-BF16-00001-of-00002.gguf");
    expect(choose("Q5_K_M")).toBe("q5_k_m/model.gguf");
    expect(choose("F16")).toBeUndefined();
    expect(choose("4_K_M")).toBeUndefined();
    expect(choose("Q2_K")).toBeUndefined();
    expect(choose("Q8.0")).toBeUndefined();
  });

  test("without a wish follows the stated order", () => {
    const without = (...quants: string[]) =>
      files.filter(file => !quants.some(quant => file.includes(quant)));
    expect(fileOf(files, DEFAULT_QUANTS)).toBe("Model-Q4_K_M.gguf");
    expect(fileOf(["m-Q8_0.gguf", "m-Q4_0.gguf"], DEFAULT_QUANTS)).toBe("m-Q4_0.gguf");
    expect(fileOf(without("Q4_K_M", "Q4_0", "Q4_K_S"), DEFAULT_QUANTS)).toBe("model.iq4_xs.gguf");
  });
});

describe("the hub", () => {
  let hub: HubServer;

  beforeEach(async () => {
    fakeBrowser();
    hub = await HubServer.start();
    for (const quant of ["Q8_0", "Q4_K_M", "F16"])
      hub.put("o/r", `model-${quant}.gguf`, modelBytes({ name: quant }));
  });
  afterEach(async () => {
    await hub.close();
    vi.unstubAllGlobals();
  });
  const load = (address: string, options: { token?: string; headers?: Record<string, string> } = {}) =>
    loaded(address, { hubUrl: hub.url, ...options });
  const urls = async () => (await listModels()).map(({ url }) => url);

  test("gives the file that is named, in a folder and of a revision too, through its redirect", async () => {
    hub.put("o/r", "folder/a b.gguf", WHOLE, "refs/pr/2");
    await load("hf:o/r@refs%2Fpr%2F2/folder/a b.gguf");
    expect(await urls()).toEqual([`${hub.url}/o/r/resolve/refs%2Fpr%2F2/folder/a%20b.gguf`]);
    expect(hub.storeRequests.length).toBeGreaterThan(0);
    hub.hubRequests.length = 0;
    await load("hf:o/r@refs%2Fpr%2F2/folder/a b.gguf");
    expect(hub.hubRequests).toEqual([]);
  });

  test("is asked for its files where only a repository is named", async () => {
    await load("hf:o/r");
    await load("hf:o/r:q8_0");
    expect((await urls()).sort()).toEqual([
      `${hub.url}/o/r/resolve/main/model-Q4_K_M.gguf`,
      `${hub.url}/o/r/resolve/main/model-Q8_0.gguf`,
    ]);
  });

  test("gives a split model by its quantisation", async () => {
    const parts = await splitGguf(WHOLE, [3, 4]);
    parts.map((bytes, no) => hub.put("o/r", `Q6_K/m-Q6_K-0000${no + 1}-of-00002.gguf`, bytes));
    expect(await load("hf:o/r:Q6_K")).toEqual(await loaded(new Blob([new Uint8Array(WHOLE)])));
    expect(await listModels()).toMatchObject([{ parts: 2, complete: true }]);
  });

  test("is not asked again for what the cache holds, and not needed for it", async () => {
    await load("hf:o/r:Q8_0");
    hub.hubRequests.length = 0;
    await load("hf:o/r:Q8_0");
    expect(hub.hubRequests).toEqual([]);
    await hub.close();
    await load("hf:o/r:q8_0");
    await load("hf:o/r"); // Q4_K_M would be first, but nobody can be asked
  });

  test("is not asked again where it chose a file before, nor held up by", async () => {
    hub.files.delete("/o/r/resolve/main/model-Q4_K_M.gguf"); // what is looked for first is not there
    await load("hf:o/r");
    expect(await listModels()).toMatchObject([{ url: expect.stringMatching(/Q8_0/) }]);
    hub.put("o/r", "model-Q4_0.gguf", modelBytes({ name: "Q4_0" }));
    hub.hubRequests.length = 0;
    await load("hf:o/r");
    expect(hub.hubRequests).toEqual([]);
    await load("hf:o/r:Q4_0"); // one that was asked for by name is no choice of the hub's
    hub.hubRequests.length = 0;
    expect((await open("hf:o/r", { hubUrl: hub.url })).source.name).toBe("model-Q8_0.gguf");
    expect(hub.hubRequests).toEqual([]);
  });

  test("names what it has where a quantisation is not there", async () => {
    await expect(load("hf:o/r:Q3_K_M")).rejects.toMatchObject({
      name: "DownloadError",
      code: "no-such-quant",
      message: expect.stringMatching(/Q3_K_M.*model-F16\.gguf, model-Q8_0\.gguf, model-Q4_K_M\.gguf/),
    });
    hub.put("o/plain", "model.safetensors", WHOLE);
    await expect(load("hf:o/plain")).rejects.toMatchObject({ code: "no-gguf" });
  });

  test("that knows no such repository or file is a named error", async () => {
    await expect(load("hf:o/none")).rejects.toMatchObject({
      code: "hub-not-found",
      message: expect.stringMatching(/repository o\/none is not there/),
    });
    await expect(load("hf:o/r/none.gguf")).rejects.toMatchObject({
      code: "hub-not-found",
      message: expect.stringMatching(/o\/r has no such file/),
    });
  });

  test("that answers with something else than a list is a named error", async () => {
    for (const body of ["<html>", "{}", '{"siblings":7}', "null"]) {
      hub.fault = (_, response) => {
        response.writeHead(200).end(body);
        return true;
      };
      await expect(load("hf:o/r")).rejects.toMatchObject({ name: "DownloadError", message: /list of files/ });
    }
  });

  describe("with a gated repository", () => {
    beforeEach(() => hub.gated.set("o/r", SECRET));

    test.each(["hf:o/r", "hf:o/r/model-F16.gguf"])(
      "says what to do, without a token and with a wrong one: %s",
      async address => {
        await expect(load(address)).rejects.toMatchObject({
          name: "DownloadError",
          code: "hub-access",
          message: expect.stringMatching(/401.*gated.*accept the licence.*token: "hf_\.\.\."/),
          details: { status: 401, repo: "o/r", tokenGiven: false },
        });
        const refused = await load(address, { token: "hf_wrongone" }).catch((error: unknown) => error);
        expect(refused).toMatchObject({
          code: "hub-access",
          message: expect.stringMatching(/403.*accept the licence/),
        });
        expect(JSON.stringify(refused, Object.getOwnPropertyNames(refused))).not.toMatch(/wrongone/);
      },
    );

    test("sends the token to the hub alone, and stores it nowhere", async () => {
      const reports: unknown[] = [];
      const settings = {
        hubUrl: `${hub.url}/`,
        token: ` ${SECRET}\n`,
        headers: { Authorization: "Bearer other" },
      };
      await loaded("hf:o/r:F16", { ...settings, reports: reports as never });
      expect(hub.hubRequests.length).toBeGreaterThan(1);
      expect(new Set(hub.hubRequests.map(({ authorization }) => authorization))).toEqual(
        new Set([`Bearer ${SECRET}`]),
      );
      expect(new Set(hub.storeRequests.map(({ authorization }) => authorization))).toEqual(
        new Set([undefined]),
      );
      const database = JSON.stringify([await everythingStored(), reports]);
      expect(database).toContain("model-F16.gguf");
      expect(database).not.toContain(SECRET);
    });

    test("a token goes to no other server", async () => {
      const other = await HubServer.start();
      const url = other.put("o/r", "model.gguf", WHOLE);
      await loaded(url, { hubUrl: hub.url, token: SECRET });
      expect(other.hubRequests.map(({ authorization }) => authorization)).toEqual(
        other.hubRequests.map(() => undefined),
      );
      await other.close();
    });

    test("the hub's own URL gets it too", async () => {
      await loaded(`${hub.url}/o/r/resolve/main/model-F16.gguf`, { hubUrl: hub.url, token: SECRET });
      expect(await urls()).toHaveLength(1);
    });

    test("a token or a hub that cannot be one is a named error, which does not repeat the token", async () => {
      const error = await load("hf:o/r", { token: "hf_né" }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "InputError", code: "option" });
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/hf_n/);
      for (const hubUrl of ["hub", "ftp://hub", "https://hub/?x=1"])
        await expect(loaded("hf:o/r", { hubUrl })).rejects.toMatchObject({
          name: "InputError",
          code: "option",
        });
    });
  });
});
