// Uploads as a component has them: a list that changes as they go on, and what can be done to it. One client as long as the component is there.
import { createClient } from "@holdfast/client/browser";
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

  constructor(name, begin, transfer) {
    lastKey++;
    this.key = lastKey;
    this.name = name;
    this.begin = begin;
    this.transfer = transfer;
  }
}

export function createUploads(to) {
  let items = $state([]);
  let unfinished = $state.raw([]);
  const client = createClient();

  /** What earlier visits to this page have begun. */
  function refresh() {
    client.unfinished().then(
      (found) => {
        unfinished = found.filter((one) => !one.isRunning);
      },
      // Where nothing can be kept, there is nothing to go on with.
      () => undefined,
    );
  }

  /** `begin` is called once more where somebody wants it tried again. */
  async function start(name, begin) {
    const transfer = await begin();
    const item = new Item(name, begin, transfer);
    items.push(item);
    const change = (news) => Object.assign(item, { note: undefined, ...news });
    transfer.on("created", refresh);
    transfer.on("state", (state) => change({ state }));
    transfer.on("progress", ({ committed, size, rate, eta }) => {
      change({ committed, size, rate, eta });
    });
    transfer.on("retry", (trouble) => change({ note: noteOf(trouble) }));
    transfer.on("warning", (trouble) => change({ note: noteOf(trouble) }));
    transfer.done.then(
      ({ url, size }) => change({ state: "complete", url, size }),
      (error) => change({ state: transfer.state, error: sentenceOf(error) }),
    );
  }

  function remove({ key }) {
    items = items.filter((item) => item.key !== key);
  }

  refresh();
  return {
    get items() {
      return items;
    },
    get unfinished() {
      return unfinished;
    },
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
    /** What still runs ends here, and can be gone on with: it is not aborted. */
    close: () => client.close(),
  };
}
