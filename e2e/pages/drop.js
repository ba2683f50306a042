// A page that takes what is dropped on it: files, and folders with all that is in them. How each of them ended is noted where tests can read it.
import { createClient, filesOf } from "@holdfast/client/browser";

const query = new URLSearchParams(location.search);
const to = query.get("to");
const client = createClient();
/** More of them at once would only wait in the page's memory. */
const AT_ONCE = 200;

Object.assign(window, { ended: [], longest: 0, handles: 0, goOn: () => undefined });
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
}).observe({ type: "longtask" });

/** Where a test wants something to happen in between, it says when to go on. */
async function reach(state) {
  document.body.dataset.state = state;
  if (query.get("hold") !== state) return;
  await new Promise((resolve) => {
    window.goOn = resolve;
  });
}

function send({ path, file, handle }) {
  if (handle) window.handles++;
  const kept = query.has("plain") ? {} : { handle };
  const metadata = new Map([["path", path]]);
  return client.upload(file, { to, path, metadata, ...kept }).done.then(
    ({ id }) => window.ended.push({ path, id }),
    ({ code, message }) => window.ended.push({ path, code, message }),
  );
}

async function take(found) {
  const underWay = new Set();
  await reach("dropped");
  for await (const one of found) {
    if (one.kind === "unreadable") {
      window.ended.push({ path: one.path, code: one.error.code, message: one.error.message });
      continue;
    }
    await reach("found");
    const sent = send(one);
    underWay.add(sent);
    sent.then(() => underWay.delete(sent));
    if (underWay.size >= AT_ONCE) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  document.body.dataset.state = "ended";
}

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(filesOf(event.dataTransfer));
});
document.body.dataset.state = "ready";
