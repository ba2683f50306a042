// Uploads as a component has them: a list that changes as they go on, and what can be done to it. One client as long as the component is there.
import { createClient, filesOf } from "@holdfast/client/browser";
import { useEffect, useRef, useState } from "react";
import { noteOf, sentenceOf } from "./words.js";

let lastKey = 0;

/** What earlier visits to this page, and other tabs, have begun. Where nothing can be kept, there is nothing to go on with. */
function tellUnfinished(client, tell) {
  client?.unfinished().then(tell, () => undefined);
}

export function useUploads(to) {
  const [items, setItems] = useState([]);
  const [unfinished, setUnfinished] = useState([]);
  const client = useRef(null);

  useEffect(() => {
    const own = createClient();
    client.current = own;
    tellUnfinished(own, setUnfinished);
    return () => {
      client.current = null;
      // What still runs ends here, and can be gone on with: it is not aborted.
      own.close();
    };
  }, []);

  const refresh = () => tellUnfinished(client.current, setUnfinished);

  function list(item) {
    lastKey++;
    const key = lastKey;
    const change = (news) =>
      setItems((all) =>
        all.map((one) => (one.key === key ? { ...one, note: undefined, ...news } : one)),
      );
    setItems((all) => [...all, { key, change, committed: 0, ...item }]);
    return change;
  }

  /** Rejects where it cannot begin. `begin` is called once more where somebody wants it tried again. */
  async function start(name, begin) {
    const transfer = await begin();
    const change = list({ name, begin, transfer, state: transfer.state });
    transfer.on("created", refresh);
    transfer.on("state", (state) => change({ state }));
    transfer.on("progress", change);
    transfer.on("retry", (trouble) => change({ note: noteOf(trouble) }));
    transfer.on("warning", (trouble) => change({ note: noteOf(trouble) }));
    const ended = transfer.done.then(
      ({ url, size }) => change({ state: "complete", url, size }),
      (error) => change({ state: transfer.state, error: sentenceOf(error) }),
    );
    ended.then(refresh);
  }

  /** `handle`, where the browser gave one, saves choosing the file again after a reload; `path` is where it lies in a folder; `error` says why it cannot be read. */
  function add({ file, handle, path = file?.name, error }) {
    if (!client.current) return;
    if (error) list({ name: path, state: "failed", error: sentenceOf(error) });
    else start(path, () => client.current.upload(file, { to, path, ...(handle && { handle }) }));
  }

  const remove = ({ key }) => setItems((all) => all.filter((item) => item.key !== key));

  return {
    items,
    /** But for what is on the list already. */
    unfinished: unfinished.filter(({ path }) => !items.some(({ name }) => name === path)),
    add,
    /** What was dropped, with what lies in its folders. */
    async addDropped(dropped) {
      for await (const one of filesOf(dropped)) {
        // A folder may have more files than the component has time.
        if (!client.current) return;
        add(one);
      }
    },
    /** In a click: the browser may have to ask whether the file may be read. `file` is what was chosen again, where no handle is kept. */
    goOn: (one, file) => start(one.path, () => client.current.resume(one, file ? { file } : {})),
    async tryAgain(item) {
      try {
        await start(item.name, item.begin);
        remove(item);
      } catch (error) {
        item.change({ error: sentenceOf(error) });
      }
    },
    remove,
    async forget(one) {
      await client.current.forget(one);
      refresh();
    },
  };
}
