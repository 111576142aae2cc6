// Peak of the JS heap of a page and its workers, array buffers included, sampled through the DevTools protocol.

const INTERVAL_MS = 25;

/**
 * @param {import("playwright").Page} page
 * @returns {Promise<{ sample: (on: boolean) => void, peak: () => { peakBytes: number, method: string } | null, close: () => Promise<void> }>}
 */
export async function watchHeap(page) {
  const cdp = await page.context().newCDPSession(page);
  /** Bytes of each target at its last answer. @type {Map<string, number>} */
  const bytes = new Map();
  let [peakBytes, samples, requests, on] = [0, 0, 0, false];
  /** @param {string} target @param {{ usedSize: number, backingStorageSize?: number }} usage */
  const note = (target, { usedSize, backingStorageSize = 0 }) => {
    bytes.set(target, usedSize + backingStorageSize);
    if (!on) return;
    samples++;
    peakBytes = Math.max(
      peakBytes,
      [...bytes.values()].reduce((sum, value) => sum + value, 0),
    );
  };
  cdp.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if (targetInfo.type === "worker") bytes.set(sessionId, 0);
  });
  cdp.on("Target.detachedFromTarget", ({ sessionId }) => bytes.delete(sessionId));
  cdp.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => {
    const { result } = JSON.parse(message);
    if (result?.usedSize !== undefined && bytes.has(sessionId)) note(sessionId, result);
  });
  await cdp.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const timer = setInterval(() => {
    if (!on) return;
    const gone = () => undefined; // a page or worker that ends in mid-question has no heap any more
    cdp
      .send("Runtime.getHeapUsage")
      .then(usage => note("page", usage))
      .catch(gone);
    for (const sessionId of bytes.keys()) {
      if (sessionId === "page") continue;
      const message = JSON.stringify({ id: ++requests, method: "Runtime.getHeapUsage" });
      cdp.send("Target.sendMessageToTarget", { sessionId, message }).catch(gone);
    }
  }, INTERVAL_MS);
  return {
    sample: wanted => {
      on = wanted;
    },
    peak: () =>
      samples === 0
        ? null
        : {
            peakBytes,
            method: `while loading: page and worker, array buffers included, every ${INTERVAL_MS} ms (Runtime.getHeapUsage)`,
          },
    close: async () => {
      clearInterval(timer);
      await cdp.detach().catch(() => undefined); // the page is gone already
    },
  };
}
