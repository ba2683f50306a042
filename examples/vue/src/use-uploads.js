// Uploads as a component has them: a list that changes as they go on, and what can be done to it. One client as long as the component is there.
import { createClient } from "@holdfast/client/browser";
import { onUnmounted, reactive, shallowReactive, shallowRef } from "vue";
import { noteOf, sentenceOf } from "./words.js";

let lastKey = 0;

export function useUploads(to) {
  const items = reactive([]);
  const unfinished = shallowRef([]);
  const client = createClient();
  // What still runs ends here, and can be gone on with: it is not aborted.
  onUnmounted(() => client.close());

  /** What earlier visits to this page have begun. */
  function refresh() {
    client.unfinished().then(
      (found) => {
        unfinished.value = found.filter((one) => !one.isRunning);
      },
      // Where nothing can be kept, there is nothing to go on with.
      () => undefined,
    );
  }

  /** `begin` is called once more where somebody wants it tried again. */
  async function start(name, begin) {
    const transfer = await begin();
    lastKey++;
    // Shallow: the transfer in it is no data of Vue's.
    const item = shallowReactive({
      ...{ key: lastKey, name, begin, transfer },
      ...{ state: transfer.state, committed: 0, size: undefined, rate: 0, eta: undefined },
      ...{ note: undefined, error: undefined, url: undefined },
    });
    items.push(item);
    const change = (news) => Object.assign(item, { note: undefined, ...news });
    transfer.on("created", refresh);
    transfer.on("state", (state) => change({ state }));
    transfer.on("progress", change);
    transfer.on("retry", (trouble) => change({ note: noteOf(trouble) }));
    transfer.on("warning", (trouble) => change({ note: noteOf(trouble) }));
    transfer.done.then(
      ({ url, size }) => change({ state: "complete", url, size }),
      (error) => change({ state: transfer.state, error: sentenceOf(error) }),
    );
  }

  function remove({ key }) {
    const index = items.findIndex((item) => item.key === key);
    if (index >= 0) items.splice(index, 1);
  }

  refresh();
  return {
    items,
    unfinished,
    /** `handle`, where the browser gave one, saves choosing the file again after a reload. */
    add: ({ file, handle }) =>
      start(file.name, () => client.upload(file, { to, ...(handle && { handle }) })),
    /** In a click: the browser may have to ask whether the file may be read. `file` is what was chosen again, where no handle is kept. */
    goOn: (one, file) => start(one.path, () => client.resume(one, file ? { file } : {})),
    async tryAgain(item) {
      await start(item.name, item.begin);
      remove(item);
    },
    remove,
    async forget(one) {
      await client.forget(one);
      refresh();
    },
  };
}
