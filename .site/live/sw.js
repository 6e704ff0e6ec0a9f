// After one visit everything is there without a network. The builder writes the list and its fingerprint.

const FILES = ["FILES"], CACHE = "live-FINGERPRINT";

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forget().then(() => self.clients.claim())));
self.addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function keep() {
  const cache = await caches.open(CACHE);
  for (const file of FILES) await cache.add(file); // one after the other: the page itself comes first
  await self.skipWaiting();
}

async function forget() {
  const old = (await caches.keys()).filter((name) => name.startsWith("live-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function answer(request) {
  return (await caches.match(request, { ignoreSearch: true })) ?? fetch(request);
}
