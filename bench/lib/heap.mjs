// JS memory of a page and its workers while models load, sampled through the DevTools protocol: the heap proper (objects,
// code, strings), and apart from it the array buffers, in which the pieces of a model's file stand.

/** @typedef {import("./report.d.mts").HeapPeak} HeapPeak */
/** @typedef {{ heap: number, buffers: number }} Usage bytes */

const INTERVAL_MS = 25;

/** @param {Iterable<Usage>} usages @returns {Usage} */
function sum(usages) {
  const total = { heap: 0, buffers: 0 };
  for (const { heap, buffers } of usages) {
    total.heap += heap;
    total.buffers += buffers;
  }
  return total;
}

/**
 * Keeps the peaks of what is noted.
 * @returns {{ note: (target: string, usage: Usage) => void, forget: (target: string) => void, peak: () => HeapPeak | null }}
 */
export function heapPeaks() {
  /** At each target's last answer: "page", or a worker's session. @type {Map<string, Usage>} */
  const last = new Map();
  /** @type {HeapPeak | null} */
  let peak = null;
  return {
    note: (target, usage) => {
      last.set(target, usage);
      const { heap, buffers } = sum(last.values());
      peak ??= {
        peakBytes: 0,
        heap: { before: heap, peak: 0 },
        arrayBuffers: { before: buffers, peak: 0, page: 0, workers: 0 },
        samples: 0,
      };
      peak.samples++;
      peak.peakBytes = Math.max(peak.peakBytes, heap + buffers);
      peak.heap.peak = Math.max(peak.heap.peak, heap);
      if (buffers <= peak.arrayBuffers.peak) return;
      const page = last.get("page")?.buffers ?? 0;
      peak.arrayBuffers = { before: peak.arrayBuffers.before, peak: buffers, page, workers: buffers - page };
    },
    forget: target => void last.delete(target),
    peak: () => peak,
  };
}

/**
 * @param {import("playwright").Page} page
 * @returns {Promise<{ sample: (on: boolean) => void, peak: () => HeapPeak | null, close: () => Promise<void> }>} sample:
 *   the first call gives what stands before
 */
export async function watchHeap(page) {
  const cdp = await page.context().newCDPSession(page);
  const peaks = heapPeaks();
  /** @type {Set<string>} */
  const workers = new Set();
  let [requests, on] = [0, false];
  /** @param {string} target @param {{ usedSize: number, backingStorageSize?: number }} usage */
  const note = (target, { usedSize, backingStorageSize = 0 }) => {
    if (on) peaks.note(target, { heap: usedSize, buffers: backingStorageSize });
  };
  cdp.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if (targetInfo.type === "worker") workers.add(sessionId);
  });
  cdp.on("Target.detachedFromTarget", ({ sessionId }) => {
    workers.delete(sessionId);
    peaks.forget(sessionId);
  });
  cdp.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => {
    const { result } = JSON.parse(message);
    if (result?.usedSize !== undefined && workers.has(sessionId)) note(sessionId, result);
  });
  await cdp.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const timer = setInterval(() => {
    if (!on) return;
    const gone = () => undefined; // a page or worker that ends in mid-question has no heap any more
    cdp
      .send("Runtime.getHeapUsage")
      .then(usage => note("page", usage))
      .catch(gone);
    for (const sessionId of workers) {
      const message = JSON.stringify({ id: ++requests, method: "Runtime.getHeapUsage" });
      cdp.send("Target.sendMessageToTarget", { sessionId, message }).catch(gone);
    }
  }, INTERVAL_MS);
  return {
    sample: wanted => {
      on = wanted;
    },
    peak: peaks.peak,
    close: async () => {
      clearInterval(timer);
      await cdp.detach().catch(() => undefined); // the page is gone already
    },
  };
}
