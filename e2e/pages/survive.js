// A page that goes on with what was begun: by the file that is chosen again, or by what the browser keeps of it. What happens is noted where tests can read it.
import { createClient } from "@holdfast/client/browser";

const query = new URLSearchParams(location.search);
const options = { to: query.get("to"), ...JSON.parse(query.get("options") ?? "{}") };
const serviceWorker = query.has("worker")
  ? navigator.serviceWorker
      .register("/service-worker.js", { type: "module" })
      .then(() => navigator.serviceWorker.ready)
  : undefined;
const client = createClient({ notify: {}, ...(serviceWorker && { serviceWorker }) });
const input = document.createElement("input");
input.type = "file";
input.multiple = true;
document.body.append(input);

const EVENTS = ["created", "progress", "state", "retry", "warning", "where", "error"];

function watch(name, transfer) {
  window.transfer = transfer;
  for (const event of EVENTS) {
    transfer.on(event, (value) => {
      const { code, message } = value;
      const plain = value instanceof Error ? { code, detail: message } : value;
      window.seen.push({ file: name, name: event, value: plain });
    });
  }
  transfer.done
    .then(
      ({ url }) => window.ended.push({ file: name, url }),
      ({ code, message }) => window.ended.push({ file: name, code, message }),
    )
    .finally(() => {
      document.body.dataset.ended = String(window.ended.length);
    });
}

/** What stands for a file on a person's disk here: headless browsers show no picker. */
async function copyToOwnDisk(file) {
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle(file.name, { create: true });
  await file.stream().pipeTo(await handle.createWritable());
  return handle;
}

Object.assign(window, {
  client,
  serviceWorker,
  isRunning: false,
  seen: [],
  ended: [],
  upload: (file, more = {}) => watch(file.name, client.upload(file, { ...options, ...more })),
  /** As `upload`, by a handle that the browser keeps. */
  async uploadKept(file) {
    const handle = await copyToOwnDisk(file);
    window.upload(await handle.getFile(), { handle });
  },
  /** Goes on with the only thing that is unfinished; resolves with the code of what hinders that. */
  async resume(how = {}) {
    const [one] = await client.unfinished();
    try {
      watch(one.path, await client.resume(one, how));
      return "resumed";
    } catch ({ code }) {
      return code;
    }
  },
});
input.addEventListener("change", () => {
  for (const file of input.files ?? [])
    if (query.has("kept")) window.uploadKept(file);
    else if (query.has("resume"))
      window.resume({ file }).then((said) => said === "resumed" || window.ended.push({ said }));
    else window.upload(file);
});
client.onRunning((isRunning) => {
  window.isRunning = isRunning;
});
if (query.has("others")) client.onOther(async (one) => watch(one.path, await client.resume(one)));
document.body.dataset.state = "ready";
