// Uploads as a component has them: a list that changes as they go on, and what can be done to it. One client as long as the component is there.
import { createClient } from "@holdfast/client/browser";
import { useEffect, useRef, useState } from "react";
import { noteOf, sentenceOf } from "./words.js";

let lastKey = 0;

/** What earlier visits to this page have begun. Where nothing can be kept, there is nothing to go on with. */
function tellUnfinished(client, tell) {
  client.unfinished().then(
    (found) => tell(found.filter((one) => !one.isRunning)),
    () => undefined,
  );
}

export function useUploads(to) {
  const [items, setItems] = useState([]);
  const [unfinished, setUnfinished] = useState([]);
  const client = useRef(null);

  useEffect(() => {
    const own = createClient();
    client.current = own;
    tellUnfinished(own, setUnfinished);
    // What still runs ends here, and can be gone on with: it is not aborted.
    return () => own.close();
  }, []);

  function change(key, news) {
    setItems((all) => all.map((item) => (item.key === key ? { ...item, ...news } : item)));
  }

  /** `begin` is called once more where somebody wants it tried again. */
  async function start(name, begin) {
    const transfer = await begin();
    lastKey++;
    const key = lastKey;
    const { state } = transfer;
    setItems((all) => [...all, { key, name, begin, transfer, state, committed: 0 }]);
    transfer.on("created", () => tellUnfinished(client.current, setUnfinished));
    transfer.on("state", (state) => change(key, { state, note: undefined }));
    transfer.on("progress", (progress) => change(key, { ...progress, note: undefined }));
    transfer.on("retry", (trouble) => change(key, { note: noteOf(trouble) }));
    transfer.on("warning", (trouble) => change(key, { note: noteOf(trouble) }));
    transfer.done.then(
      ({ url, size }) => change(key, { state: "complete", url, size, note: undefined }),
      (error) => change(key, { state: transfer.state, error: sentenceOf(error), note: undefined }),
    );
  }

  const remove = ({ key }) => setItems((all) => all.filter((item) => item.key !== key));

  return {
    items,
    unfinished,
    /** `handle`, where the browser gave one, saves choosing the file again after a reload. */
    add: ({ file, handle }) =>
      start(file.name, () => client.current.upload(file, { to, ...(handle && { handle }) })),
    /** In a click: the browser may have to ask whether the file may be read. `file` is what was chosen again, where no handle is kept. */
    goOn: (one, file) => start(one.path, () => client.current.resume(one, file ? { file } : {})),
    async tryAgain(item) {
      await start(item.name, item.begin);
      remove(item);
    },
    remove,
    async forget(one) {
      await client.current.forget(one);
      tellUnfinished(client.current, setUnfinished);
    },
  };
}
