// A page as our own documentation has it: the files that are chosen are uploaded. The address says how; what happens is noted where tests can read it.
import { createClient } from "@holdfast/client/browser";

const query = new URLSearchParams(location.search);
let client = createClient();
const input = document.createElement("input");
input.type = "file";
input.multiple = true;
document.body.append(input);

/** `more`: options of what is chosen that no address can tell. */
Object.assign(window, { seen: [], done: new Map(), failures: [], transfers: [], more: {}, client });
/** One that is closed begins nothing any more. */
window.openClient = () => {
  client = createClient();
};
let ended = 0;
const EVENTS = ["created", "progress", "part", "state", "retry", "warning", "error"];

document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => {
  window.seen.push({ file: "", name: "violation", value: violatedDirective });
});

window.start = (file, more = {}) => {
  const options = { to: query.get("to"), ...JSON.parse(query.get("options") ?? "{}"), ...more };
  const transfer = client.upload(file, options);
  window.transfers.push(transfer);
  for (const name of EVENTS) {
    transfer.on(name, (value) => {
      const plain = value instanceof Error ? value.code : value;
      window.seen.push({ file: file.name, name, value: plain });
    });
  }
  transfer.done
    .then(
      ({ url }) => window.done.set(file.name, url),
      ({ code, message }) => window.failures.push(`${code}: ${message}`),
    )
    .finally(() => {
      document.body.dataset.ended = String(++ended);
    });
  return transfer;
};

input.addEventListener("change", () => {
  for (const file of input.files ?? []) window.start(file, window.more);
});
