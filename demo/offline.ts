/** Keeps the page's own files for use without a network. Models are kept by the engine; see `offline-worker.js`. */
export function keepForOffline(): void {
  // The development server has no such worker.
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register(new URL("offline-worker.js", document.baseURI)).catch((error: unknown) => {
    // The page works all the same, only not without a network. Private windows refuse, for instance.
    console.info("The page is not kept for offline use.", error);
  });
}
