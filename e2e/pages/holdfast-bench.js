// A page that is measured: the same file by our client, by one bare request that brings it to the same server as a run of verified parts, and by a few lines that digest what they send.
import { createClient } from "@holdfast/client/browser";
import { encodePartDigests, encodeRunPath } from "@holdfast/protocol";

const client = createClient();
const input = document.createElement("input");
input.type = "file";
document.body.append(input);

const tasks = [];
const observer = new PerformanceObserver((list) => void tasks.push(...list.getEntries()));
observer.observe({ type: "longtask" });
/** When uploads of ours were under way. What the page does besides, such as collecting garbage because it was told to, is not theirs. */
const uploads = [];

/** Tasks of the page's own thread that took longer than 50 ms while an upload of ours was under way, in milliseconds. */
window.longTasks = () => {
  tasks.push(...observer.takeRecords());
  const isOurs = ({ startTime, duration }) =>
    uploads.some(({ from, to }) => startTime < to && startTime + duration > from);
  return tasks.filter(isOurs).map(({ duration }) => duration);
};

/** Seconds until the file is published. */
window.sendOurs = async (to) => {
  const from = performance.now();
  await client.upload(input.files[0], { to, resume: false }).done;
  const ended = performance.now();
  uploads.push({ from, to: ended });
  return (ended - from) / 1000;
};

/** Seconds until all of its parts are committed, which nobody has digested before: the least that a page has to do. */
window.sendDigesting = async (url, { partSize, runParts, inFlight }) => {
  const [file] = input.files;
  const startedAt = performance.now();
  const parts = file.size / partSize;
  let next = 0;
  const lane = async () => {
    while (next < parts) {
      const from = next;
      next += runParts;
      const body = file.slice(from * partSize, next * partSize);
      const run = [from, next];
      const bytes = new Uint8Array(await body.arrayBuffer());
      const digests = [];
      for (let at = 0; at < bytes.length; at += partSize) {
        const part = bytes.subarray(at, at + partSize);
        digests.push(new Uint8Array(await crypto.subtle.digest("SHA-256", part)));
      }
      const headers = { "part-digest": encodePartDigests("sha-256", digests) };
      const { status } = await fetch(`${url}/parts/${encodeRunPath(run)}`, {
        method: "PUT",
        headers,
        body,
      });
      if (status !== 200) throw new Error(`the server answers ${status}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (performance.now() - startedAt) / 1000;
};

/** Seconds until all of its parts are committed. */
window.sendBare = async (url, headers) => {
  const startedAt = performance.now();
  const { status } = await fetch(url, { method: "PUT", headers, body: input.files[0] });
  if (status !== 200) throw new Error(`the server answers ${status}`);
  return (performance.now() - startedAt) / 1000;
};
