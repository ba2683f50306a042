// The page's own script: all that a page needs of Holdfast.
import { createClient } from "@holdfast/client/browser";

const client = createClient();
const find = (id) => document.getElementById(id);
const show = (id, text) => {
  find(id).textContent = text;
};

find("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) send(file);
});

function send(file) {
  const transfer = client.upload(file, { to: document.location.hash.slice(1) });
  const pause = find("pause");
  pause.disabled = false;
  pause.onclick = () => (transfer.state === "paused" ? transfer.resume() : transfer.pause());
  transfer.on("state", (state) => {
    show("state", state);
    pause.textContent = state === "paused" ? "Go on" : "Pause";
  });
  // Only what the server has for sure, so that it never goes back and never stands at the end too early.
  transfer.on("progress", ({ committed, size }) => {
    find("bar").value = size ? committed / size : 0;
  });
  transfer.on("retry", ({ detail, waitMs }) => {
    show("what", `${detail}; once more in ${Math.ceil(waitMs / 1000)} s`);
  });
  transfer.on("warning", ({ detail }) => show("what", detail));
  transfer.done.then(
    ({ url }) => {
      const link = document.createElement("a");
      link.href = url;
      link.textContent = file.name;
      find("what").replaceChildren(link);
    },
    (error) => show("what", error.message),
  );
  transfer.done.finally(() => {
    pause.disabled = true;
  });
}
