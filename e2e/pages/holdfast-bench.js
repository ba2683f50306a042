// A page that is measured: the same file by our client, and by one bare request that brings it to the same server as a run of verified parts.
import { createClient } from "@holdfast/client/browser";

const client = createClient();
const input = document.createElement("input");
input.type = "file";
document.body.append(input);

/** Tasks of the page's own thread that took longer than 50 ms, in milliseconds. */
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.longTasks.push(duration);
}).observe({ type: "longtask" });

/** Seconds until the file is published. */
window.sendOurs = async (to) => {
  const startedAt = performance.now();
  await client.upload(input.files[0], { to, resume: false }).done;
  return (performance.now() - startedAt) / 1000;
};

/** Seconds until all of its parts are committed. */
window.sendBare = async (url, headers) => {
  const startedAt = performance.now();
  const { status } = await fetch(url, { method: "PUT", headers, body: input.files[0] });
  if (status !== 200) throw new Error(`the server answers ${status}`);
  return (performance.now() - startedAt) / 1000;
};
