// Service worker: answers for the page's own files, so that the demo opens without a network. The build puts the list
// of files in place of the two constants below (offline-plugin.ts). Everything else, models above all, goes to the
// network untouched: resumable ranged downloads and their storage are the engine's work.

/**
 * What a service worker's scope has and a page's types lack.
 * @typedef {Event & { waitUntil(work: Promise<void>): void }} LifeEvent
 * @typedef {Event & { request: Request, respondWith(answer: Promise<Response>): void }} FetchEvent
 * @typedef {object} Scope
 * @property {string[]} __FILES__
 * @property {string} __VERSION__
 * @property {() => Promise<void>} skipWaiting
 * @property {{ claim(): Promise<void> }} clients
 */
const scope = /** @type {Scope} */ (/** @type {unknown} */ (self));

const FILES = scope.__FILES__;
const VERSION = scope.__VERSION__;

const PREFIX = "intab-page-";
const urls = new Set(FILES.map(file => new URL(file, self.location.href).href));

self.addEventListener("install", event => {
  const store = async () => {
    const cache = await caches.open(PREFIX + VERSION);
    await cache.addAll([...urls].map(url => new Request(url, { cache: "reload" })));
    await scope.skipWaiting();
  };
  /** @type {LifeEvent} */ (event).waitUntil(store());
});

self.addEventListener("activate", event => {
  const takeOver = async () => {
    const old = (await caches.keys()).filter(name => name.startsWith(PREFIX) && name !== PREFIX + VERSION);
    await Promise.all(old.map(name => caches.delete(name)));
    await scope.clients.claim();
  };
  /** @type {LifeEvent} */ (event).waitUntil(takeOver());
});

self.addEventListener("fetch", plainEvent => {
  const event = /** @type {FetchEvent} */ (plainEvent);
  const { request } = event;
  const url = new URL(request.url);
  url.search = "";
  url.hash = "";
  if (request.method !== "GET" || !urls.has(url.href)) return;
  const answer = request.mode === "navigate" ? fromNetworkFirst : fromCacheFirst;
  event.respondWith(answer(request, url.href));
});

/**
 * The page itself: the newest there is.
 * @param {Request} request
 * @param {string} url
 */
async function fromNetworkFirst(request, url) {
  try {
    return await fetch(request);
  } catch (error) {
    const stored = await caches.match(url);
    if (stored) return stored;
    throw error;
  }
}

/**
 * Files whose names carry a hash of their content.
 * @param {Request} request
 * @param {string} url
 */
async function fromCacheFirst(request, url) {
  return (await caches.match(url)) ?? fetch(request);
}
