// A page as our own documentation has it: the files that are chosen are uploaded. The address says how; what happens is noted where tests can read it.
import { createClient } from "@holdfast/client/browser";

const query = new URLSearchParams(location.search);
const client = createClient();
const input = document.createElement("input");
input.type = "file";
input.multiple = true;
document.body.append(input);

window.seen = [];
input.addEventListener("change", () => {
  for (const file of input.files ?? []) run(file);
});

function run(file) {
  const transfer = client.upload(file, {
    to: query.get("to"),
    ...JSON.parse(query.get("options") ?? "{}"),
  });
  window.transfer = transfer;
  for (const name of ["created", "progress", "part", "state", "retry", "warning", "error"]) {
    transfer.on(name, (value) => {
      window.seen.push({
        file: file.name,
        name,
        value: value instanceof Error ? value.code : value,
      });
    });
  }
  transfer.done.then(
    ({ url }) => {
      document.body.dataset.url = url;
      document.body.dataset.state = "done";
    },
    (error) => {
      document.body.dataset.state = `failed: ${error.code}: ${error.message}`;
    },
  );
}
document.body.dataset.state = "ready";
