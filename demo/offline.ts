/** Keeps the page's own files for use without a network. Models are kept by the engine. */

/**
 * Hands the files that this page has loaded, the engine's worker among them, to `public/offline-worker.js`. To be
 * called when a model is in use: then everything that a visit needs has been fetched.
 */
export async function keepForOffline(): Promise<void> {
  // The development server's modules change under their names.
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL("offline-worker.js", document.baseURI));
    const { active } = await navigator.serviceWorker.ready;
    active?.postMessage({ page: new URL(".", document.baseURI).href, files: loadedFiles() });
  } catch (error) {
    // The page works all the same, only not without a network. Private windows refuse, for instance.
    console.info("The page is not kept for offline use.", error);
  }
}

/** Scripts, styles and images of this site; never a model. */
function loadedFiles(): string[] {
  const names = performance.getEntriesByType("resource").map(({ name }) => name);
  return [...new Set(names)].filter(name => name.startsWith(location.origin) && /\.(js|css|svg)$/.test(name));
}
