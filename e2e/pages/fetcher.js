// A page that downloads: what the address names, to where the test wants it. What happens is noted where tests can read it.
import { createClient } from "@holdfast/client/browser";

const client = createClient();
const EVENTS = ["created", "progress", "part", "state", "retry", "warning", "error"];
let ended = 0;

/** What stands for a file that a person chose in a picker, which headless browsers do not show. */
const chosen = async (name) =>
  (await navigator.storage.getDirectory()).getFileHandle(name, { create: true });
const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0"));
const sha256 = async (blob) =>
  hex(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())).join("");

Object.assign(window, {
  client,
  seen: [],
  downloads: [],
  results: [],
  fetch: async (url, { into, folder, ...options } = {}) => {
    if (into !== undefined) options.handle = await chosen(into);
    if (folder !== undefined) options.handle = await navigator.storage.getDirectory();
    const download = client.download(url, options);
    const at = window.downloads.push(download) - 1;
    for (const event of EVENTS)
      download.on(event, (value) => {
        const { code, message } = value;
        window.seen.push({
          name: event,
          value: value instanceof Error ? { code, detail: message } : value,
        });
      });
    download.done
      .then(
        async (result) => {
          const { name, size, resumedBytes: resumed, file } = result;
          const digest = file && (await sha256(file));
          window.results[at] = { name, size, resumed, digest };
          Object.assign(window, { result });
        },
        ({ code, message }) => {
          window.results[at] = { code, message };
        },
      )
      .finally(() => {
        document.body.dataset.ended = String(++ended);
      });
  },
  /** SHA-256 of what the last one kept, or why it cannot be read. */
  readAgain: () => sha256(window.result.file).catch(({ name }) => name),
  /** SHA-256 of what was chosen, and the names of all that the browser keeps of downloads. */
  digestOf: async (name) => sha256(await (await chosen(name)).getFile()),
  async keptNames() {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("holdfast downloads", { create: true });
    return Array.fromAsync(folder.keys());
  },
  /** When the last journal was kept, in milliseconds since 1970; once there is a database. */
  latestJournal: () =>
    new Promise((resolve) => {
      indexedDB.open("holdfast").onsuccess = ({ target: { result: database } }) => {
        const all = database.transaction("checkpoints").objectStore("checkpoints").getAll();
        all.onsuccess = () => {
          database.close();
          const journals = all.result.filter(({ key }) => key.startsWith("journal "));
          resolve(Math.max(0, ...journals.map(({ savedAt }) => savedAt)));
        };
      };
    }),
  /** As a browser does that needs the room. */
  async throwAway() {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry("holdfast downloads", { recursive: true });
  },
});
document.body.dataset.state = "ready";
