// Files as the browser's picker gives them, with the handles by which it finds them again after a reload, where it has such.

/** Shows the picker. Undefined where there is none that gives handles: an `<input type="file">` does it then. */
export function pickFiles() {
  if (!("showOpenFilePicker" in window)) return undefined;
  return window.showOpenFilePicker({ multiple: true }).then(
    (handles) => Promise.all(handles.map(fileOf)),
    // Nothing was chosen.
    () => [],
  );
}

/** What cannot be read is named with the reason, and the others follow. */
async function fileOf(handle) {
  try {
    return { file: await handle.getFile(), handle };
  } catch (error) {
    return { path: handle.name, error };
  }
}
