// Files as a page gets them, with the handles by which the browser finds them again after a reload, where it has such.

/** Shows the browser's picker. Undefined where there is none that gives handles: an `<input type="file">` does it then. */
export function pickFiles() {
  if (!("showOpenFilePicker" in window)) return undefined;
  return window.showOpenFilePicker({ multiple: true }).then(
    (handles) => Promise.all(handles.map(fileOf)),
    // Nothing was chosen.
    () => [],
  );
}

/** What was dropped. The handles have to be asked for at once: later the browser has taken them away. */
export function droppedFiles({ items }) {
  const files = [...items].filter(({ kind }) => kind === "file");
  return Promise.all(files.map(droppedFile)).then((found) => found.flat());
}

function droppedFile(item) {
  const file = item.getAsFile();
  const asked = item.getAsFileSystemHandle?.() ?? Promise.resolve();
  return asked.then(
    // Of folders there is only the name; examples of those would hide what this one shows.
    (handle) => (handle?.kind === "file" ? [{ file, handle }] : handle ? [] : [{ file }]),
    () => [{ file }],
  );
}

async function fileOf(handle) {
  return { file: await handle.getFile(), handle };
}
