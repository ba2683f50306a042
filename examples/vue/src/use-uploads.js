// Uploads as a component has them: a list that changes as they go on, and what can be done to it. One client as long as the component is there.
import { createClient, filesOf } from "@holdfast/client/browser";
import { computed, onUnmounted, reactive, shallowReactive, shallowRef } from "vue";
import { noteOf, sentenceOf } from "./words.js";

let lastKey = 0;

export function useUploads(to) {
  const items = reactive([]);
  const found = shallowRef([]);
  const client = createClient();
  let isOpen = true;

  onUnmounted(() => {
    isOpen = false;
    // What still runs ends here, and can be gone on with: it is not aborted.
    client.close();
  });

  /** What earlier visits to this page, and other tabs, have begun. Where nothing can be kept, there is nothing to go on with. */
  async function refresh() {
    if (isOpen) found.value = await client.unfinished().catch(() => found.value);
  }

  function list(more) {
    lastKey++;
    // Shallow: the transfer in it is no data of Vue's.
    const item = shallowReactive({
      ...{ key: lastKey, committed: 0, size: undefined, rate: 0, eta: undefined },
      ...{ note: undefined, error: undefined, url: undefined, begin: undefined },
      ...more,
    });
    items.push(item);
    return (news) => Object.assign(item, { note: undefined, ...news });
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
    if (!isOpen) return;
    if (error) list({ name: path, state: "failed", error: sentenceOf(error) });
    else start(path, () => client.upload(file, { to, path, ...(handle && { handle }) }));
  }

  function remove({ key }) {
    const index = items.findIndex((item) => item.key === key);
    if (index >= 0) items.splice(index, 1);
  }

  refresh();
  return {
    items,
    /** But for what is on the list already. */
    unfinished: computed(() =>
      found.value.filter(({ path }) => !items.some(({ name }) => name === path)),
    ),
    add,
    /** What was dropped, with what lies in its folders. */
    async addDropped(dropped) {
      for await (const one of filesOf(dropped)) {
        // A folder may have more files than the component has time.
        if (!isOpen) return;
        add(one);
      }
    },
    /** In a click: the browser may have to ask whether the file may be read. `file` is what was chosen again, where no handle is kept. */
    goOn: (one, file) => start(one.path, () => client.resume(one, file ? { file } : {})),
    async tryAgain(item) {
      try {
        await start(item.name, item.begin);
        remove(item);
      } catch (error) {
        item.error = sentenceOf(error);
      }
    },
    remove,
    async forget(one) {
      await client.forget(one);
      refresh();
    },
  };
}
