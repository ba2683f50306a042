// A site's own service worker, with what keeps the files of uploads.
import "@holdfast/client/browser/service-worker";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
