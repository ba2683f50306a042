// Uploads as a component has them: a list that changes as they go on, and what can be done to it. One client as long as the component is there.
import { createClient, filesOf } from "@holdfast/client/browser";
import { noteOf, sentenceOf } from "./words.js";

let lastKey = 0;

/** Each figure changes by itself; what leads to the transfer is no data of Svelte's. */
class Item {
  state = $state("opening");
  committed = $state(0);
  size = $state();
  rate = $state(0);
  eta = $state();
  note = $state();
  error = $state();
  url = $state();

  constructor(name, transfer, begin) {
    lastKey++;
    this.key = lastKey;
    this.name = name;
    this.transfer = transfer;
    this.begin = begin;
  }
}

export function createUploads(to) {
  let items = $state([]);
  let found = $state.raw([]);
  const unfinished = $derived(found.filter(({ path }) => !items.some(({ name }) => name === path)));
  const client = createClient();
  let isOpen = true;

  /** What earlier visits to this page, and other tabs, have begun. Where nothing can be kept, there is nothing to go on with. */
  async function refresh() {
    if (isOpen) found = await client.unfinished().catch(() => found);
  }

  /** Rejects where it cannot begin. `begin` is called once more where somebody wants it tried again. */
  async function start(name, begin) {
    const transfer = await begin();
    const item = new Item(name, transfer, begin);
    items.push(item);
    const change = (news) => Object.assign(item, { note: undefined, ...news });
    transfer.on("created", refresh);
    transfer.on("state", (state) => change({ state }));
    transfer.on("progress", ({ committed, size, rate, eta }) => {
      change({ committed, size, rate, eta });
    });
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
    if (error)
      items.push(Object.assign(new Item(path), { state: "failed", error: sentenceOf(error) }));
    else start(path, () => client.upload(file, { to, path, ...(handle && { handle }) }));
  }

  function remove({ key }) {
    items = items.filter((item) => item.key !== key);
  }

  refresh();
  return {
    get items() {
      return items;
    },
    /** But for what is on the list already. */
    get unfinished() {
      return unfinished;
    },
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
    /** What still runs ends here, and can be gone on with: it is not aborted. */
    close() {
      isOpen = false;
      client.close();
    },
  };
}
