// Which variants of kernels run: by what an adapter can do, by times, and by what was remembered of it.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DeviceLostError, GpuUnavailableError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { candidates, chosenVariant, FAMILIES, type KernelChoice } from "../../src/kernels/choice.ts";
import { chooseKernels, fastest, timeInTurns } from "../../src/load/choose-kernels.ts";
import { fakeBrowser } from "./support/storage-browser.ts";

const never = new AbortController().signal;

function gpuOf(able: Partial<Gpu> = {}): Gpu {
  const facts = { vendor: "acme", architecture: "one", features: ["subgroups"] };
  const base = { software: false, subgroups: true, subgroupMatrix: false, device: {}, facts };
  return { ...base, ...able } as unknown as Gpu;
}

describe("the variant of a kernel", () => {
  test("is what the adapter's capability suggests where nothing was measured", () => {
    const variants = (able: Partial<Gpu>) => FAMILIES.map(family => chosenVariant(gpuOf(able), family));
    expect(variants({ software: true, subgroupMatrix: true })).toEqual([
      "rows",
      "rows",
      "software",
      "software",
    ]);
    expect(variants({ subgroups: false })).toEqual(["workgroup", "tile", "tiled", "tiled"]);
    expect(variants({ subgroupMatrix: true })).toEqual(["subgroups", "matrix", "subgroups", "matrix"]);
  });

  test("is the measured one where the adapter can run that", () => {
    const choice = { matvec: "workgroup", matmul: "matrix", attentionDecode: "nonsense" };
    const gpu = gpuOf({ choice });
    expect(chosenVariant(gpu, "matvec")).toBe("workgroup");
    expect(chosenVariant(gpu, "matmul")).toBe("tile");
    expect(chosenVariant(gpu, "attentionDecode")).toBe("subgroups");
    expect(chosenVariant({ ...gpu, subgroupMatrix: true }, "matmul")).toBe("matrix");
  });

  test("is the only one on software adapters", () => {
    const gpu = gpuOf({ software: true, subgroupMatrix: true });
    for (const family of FAMILIES) expect(candidates(gpu, family)).toHaveLength(1);
  });
});

describe("the fastest", () => {
  test.each([
    ["the preferred one, which is faster", [10, 11], 0],
    ["the preferred one, where another is faster by less than 5 %", [100, 96], 0],
    ["another that is faster by 5 %", [100, 95], 1],
    ["the fastest of several others", [100, 80, 70, 90], 2],
    ["another, where the preferred one failed", [0, 12, 11], 2],
    ["the preferred one, where the others failed", [10, 0], 0],
    ["the preferred one, where all failed", [0, 0], 0],
  ])("is %s", (_, times, expected) => {
    expect(fastest(times)).toBe(expected);
  });
});

describe("timers", () => {
  /** Gives these values in turn and notes that it was asked. */
  const timer = (name: string, values: number[], asked: string[] = []) => {
    const run = async (): Promise<number> => {
      asked.push(name);
      return values.shift()!;
    };
    return async () => run;
  };
  const failing = (error: unknown) => async () => async (): Promise<number> => Promise.reject(error);

  test("take turns, and the median of each counts", async () => {
    const asked: string[] = [];
    const timers = [timer("a", [9, 1, 5, 6, 2], asked), timer("b", [4, 4, 50, 3, 4], asked)];
    expect(await timeInTurns(timers, never)).toEqual([5, 4]);
    expect(asked.join("")).toBe("ababababab");
  });

  test("that fail, at the start or later, or stand still are left out, and the others go on", async () => {
    let left = 2;
    const timers = [
      async () => Promise.reject(new DeviceLostError("gpu-error", "not accepted")),
      async () => async (): Promise<number> => {
        if (left-- > 0) return 1;
        throw new DOMException("mapping failed", "OperationError");
      },
      timer("c", [1, 2, 3, 4, 5]),
      timer("d", [1, 2, 0, 4, 5]),
    ];
    expect(await timeInTurns(timers, never)).toEqual([0, 0, 3, 0]);
  });

  test("end where the device is lost: which variant did it is not known", async () => {
    const gone = new DeviceLostError("device-lost", "gone");
    await expect(timeInTurns([failing(gone), timer("b", [1, 2, 3, 4, 5])], never)).rejects.toBe(gone);
    await expect(timeInTurns([async () => Promise.reject(gone)], never)).rejects.toBe(gone);
  });

  test("do not hide a mistake or an abort", async () => {
    const wrong = new TypeError("x is undefined");
    await expect(timeInTurns([failing(wrong)], never)).rejects.toBe(wrong);
    const lost = failing(new DeviceLostError("device-lost", "gone"));
    await expect(timeInTurns([lost], AbortSignal.abort("enough"))).rejects.toBe("enough");
  });
});

describe("a choice", () => {
  const MEASURED: KernelChoice = { matvec: "workgroup" };
  const measure = vi.fn(async (): Promise<KernelChoice> => MEASURED);
  const destroy = vi.fn();
  const open = vi.fn(async () => ({ ...gpuOf(), destroy }));
  const choose = (gpu = gpuOf(), options = {}) =>
    chooseKernels(gpu, open, { signal: never, measure, ...options });
  const browser = (userAgent: string) => vi.stubGlobal("navigator", { ...navigator, userAgent });

  beforeEach(() => {
    fakeBrowser();
    browser("Browser/1");
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetAllMocks();
    measure.mockImplementation(async () => MEASURED);
    open.mockImplementation(async () => ({ ...gpuOf(), destroy }));
  });

  test("is measured once, on a device of its own, and then remembered", async () => {
    expect(await choose()).toEqual(MEASURED);
    expect(destroy).toHaveBeenCalledTimes(1);
    expect(await choose()).toEqual(MEASURED);
    expect(measure).toHaveBeenCalledTimes(1);
    expect(measure).toHaveBeenCalledWith(expect.anything(), ["matvec", "attentionDecode"], expect.anything());
    expect(open).toHaveBeenCalledTimes(1);
  });

  test("is measured by one of two loads at a time, and the other takes what that one found", async () => {
    expect(await Promise.all([choose(), choose()])).toEqual([MEASURED, MEASURED]);
    expect(measure).toHaveBeenCalledTimes(1);
  });

  test("belongs to an adapter with its features; each has its own", async () => {
    const facts = gpuOf().facts;
    const others = [
      gpuOf({ facts: { ...facts, vendor: "other" } }),
      gpuOf({ facts: { ...facts, architecture: "two" } }),
      gpuOf({ facts: { ...facts, description: "of 2026" } }),
      gpuOf({ facts: { ...facts, features: ["subgroups", "shader-f16"] } }),
      gpuOf({ device: { adapterInfo: { device: "0x1" } } as GPUDevice }),
    ];
    for (const gpu of [gpuOf(), ...others]) await choose(gpu);
    expect(measure).toHaveBeenCalledTimes(6);
    for (const gpu of [gpuOf(), ...others]) expect(await choose(gpu)).toEqual(MEASURED);
    expect(measure).toHaveBeenCalledTimes(6);
  });

  test("is measured anew by another version of the browser, and takes the place of the old one", async () => {
    await choose();
    browser("Browser/2");
    await choose();
    expect(measure).toHaveBeenCalledTimes(2);
    await choose();
    expect(measure).toHaveBeenCalledTimes(2);
    expect(await stored()).toHaveLength(1);
  });

  test("is measured anew where further families have several variants", async () => {
    await choose();
    await choose(gpuOf({ subgroupMatrix: true }));
    expect(measure).toHaveBeenLastCalledWith(expect.anything(), FAMILIES, expect.anything());
  });

  test("that is not one of ours is measured anew", async () => {
    await choose();
    const [ours] = await stored();
    const wrong = [null, 5, "matvec", [], {}, { ...ours, madeWith: "another version" }];
    for (const [i, content] of wrong.entries()) {
      await overwrite(content);
      expect(await choose(), JSON.stringify(content)).toEqual(MEASURED);
      expect(measure, JSON.stringify(content)).toHaveBeenCalledTimes(2 + i);
      expect(await stored()).toEqual([ours]);
    }
  });

  test("whose content makes no sense counts as none", async () => {
    await choose();
    const [ours] = await stored();
    for (const choice of [null, 5, {}, { matvec: "rows" }, { matvec: {} }]) {
      await overwrite({ ...ours, choice });
      const gpu = { ...gpuOf(), choice: await choose() };
      expect(chosenVariant(gpu, "matvec"), JSON.stringify(choice)).toBe("subgroups");
    }
  });

  test("is by capability and not measured where it could not be remembered", async () => {
    vi.stubGlobal("indexedDB", undefined);
    expect(await choose()).toEqual({});
    expect(measure).not.toHaveBeenCalled();
    expect(open).not.toHaveBeenCalled();
  });

  test("needs neither storage nor a device where there is nothing to choose", async () => {
    const get = vi.fn();
    vi.stubGlobal("indexedDB", { open: get });
    expect(await choose(gpuOf({ software: true }))).toEqual({});
    expect(await choose(gpuOf({ subgroups: false }))).toEqual({});
    expect(get).not.toHaveBeenCalled();
    expect(open).not.toHaveBeenCalled();
  });

  test("that failed is tried a second time, and then not again", async () => {
    const gone = new DeviceLostError("device-lost", "crashed");
    measure.mockRejectedValue(gone);
    expect(await choose()).toEqual({});
    expect(destroy).toHaveBeenCalledTimes(1);
    open.mockRejectedValueOnce(new GpuUnavailableError("no-device", "too many"));
    expect(await choose()).toEqual({});
    measure.mockResolvedValue(MEASURED);
    expect(await choose()).toEqual({});
    expect(measure).toHaveBeenCalledTimes(1);
    expect(open).toHaveBeenCalledTimes(2);
  });

  test("is by capability where measuring takes too long, which ends then", async () => {
    measure.mockImplementation(async (...[, , signal]: unknown[]) => {
      await new Promise(resolve => (signal as AbortSignal).addEventListener("abort", resolve));
      return MEASURED;
    });
    expect(await choose(gpuOf(), { limitMs: 20 })).toEqual({});
    await expect.poll(() => destroy.mock.calls.length).toBe(1);
    measure.mockImplementation(async () => MEASURED);
    expect(await choose()).toEqual(MEASURED); // what came too late was not stored
    expect(measure).toHaveBeenCalledTimes(2);
  });

  test("ends with the load's own reason", async () => {
    const controller = new AbortController();
    measure.mockImplementation(() => new Promise(() => controller.abort("enough")));
    await expect(choose(gpuOf(), { signal: controller.signal })).rejects.toBe("enough");
    await expect(choose(gpuOf(), { signal: AbortSignal.abort("before") })).rejects.toBe("before");
  });

  test("does not hide a mistake", async () => {
    const wrong = new TypeError("x is undefined");
    measure.mockRejectedValue(wrong);
    await expect(choose()).rejects.toBe(wrong);
  });
});

/** What stands in the database under `kernels`. */
async function stored(): Promise<Record<string, unknown>[]> {
  const [store, done] = await objectStore("readonly");
  const request = store.getAll(KEYS());
  await done;
  return request.result;
}

async function overwrite(content: unknown): Promise<void> {
  const [store, done] = await objectStore("readwrite");
  const keys = store.getAllKeys(KEYS());
  keys.onsuccess = () => store.put(content, keys.result[0]);
  await done;
}

const KEYS = () => IDBKeyRange.bound(["kernels"], ["kernels", []]);

async function objectStore(mode: IDBTransactionMode): Promise<[IDBObjectStore, Promise<void>]> {
  const opening = indexedDB.open("intab-models");
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  const transaction = db.transaction("v1", mode);
  const done = new Promise<void>(resolve => {
    transaction.oncomplete = () => resolve(db.close());
  });
  return [transaction.objectStore("v1"), done];
}
