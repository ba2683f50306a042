// A page that is measured: the same file by our client, and by one bare request that brings it to the same server as a run of verified parts.
import { createClient } from "@holdfast/client/browser";

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

/** Seconds until all of its parts are committed. */
window.sendBare = async (url, headers) => {
  const startedAt = performance.now();
  const { status } = await fetch(url, { method: "PUT", headers, body: input.files[0] });
  if (status !== 200) throw new Error(`the server answers ${status}`);
  return (performance.now() - startedAt) / 1000;
};
