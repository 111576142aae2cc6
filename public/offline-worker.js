// Service worker: answers for the page's own files, so that the demo opens without a network. The page says which files
// those are, each time it has loaded (demo/offline.ts). Everything else, models above all, goes to the network untouched:
// resumable ranged downloads and their storage are the engine's work.

const CACHE = "intab-page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));
self.addEventListener("message", event => event.waitUntil(keep(event.data.page, event.data.files)));

self.addEventListener("fetch", event => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  if (request.mode === "navigate") event.respondWith(newest(request));
  else if (request.url.includes("/assets/") || request.url.endsWith(".svg")) event.respondWith(kept(request));
});

/** Stores the page and its files, and drops those of older builds. */
async function keep(page, files) {
  const cache = await caches.open(CACHE);
  const wanted = new Set([page, ...files]);
  for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
  // The page always anew, its files only once: their names carry a hash of their content.
  const missing = [];
  for (const url of wanted) if (url === page || !(await cache.match(url))) missing.push(url);
  await cache.addAll(missing);
}

async function newest(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const stored = await caches.match(request, { ignoreSearch: true });
    if (stored) return stored;
    throw error;
  }
}

async function kept(request) {
  return (await caches.match(request)) ?? fetch(request);
}
