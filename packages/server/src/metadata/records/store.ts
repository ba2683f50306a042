// A metadata store made of what writes the records and what reads them: open until it is closed, the writer first.
import type { MetadataStore } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";

type Reads = Omit<MetadataStore, "apply">;
type Writer = Pick<MetadataStore, "apply" | "close">;

/** Gives what it reads at once, or later. */
export type Reader = {
  readonly [Name in keyof Reads]: (
    ...given: Parameters<Reads[Name]>
  ) => ReturnType<Reads[Name]> | Awaited<ReturnType<Reads[Name]>>;
};

/** Every method but `close` rejects with `shutting_down` from the first `close` on. */
export function createStore(writer: Writer, reader: Reader): MetadataStore {
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await writer.close();
    await reader.close();
  }

  function requireOpen(): void {
    if (closing) throw new HoldfastError("shutting_down", "the metadata store is closed");
  }

  return {
    async apply(change) {
      requireOpen();
      return writer.apply(change);
    },
    async upload(by) {
      requireOpen();
      return reader.upload(by);
    },
    async parts(id) {
      requireOpen();
      return reader.parts(id);
    },
    async file(by) {
      requireOpen();
      return reader.file(by);
    },
    async files(query) {
      requireOpen();
      return reader.files(query);
    },
    async due(kind, query) {
      requireOpen();
      return reader.due(kind, query);
    },
    async counts(of) {
      requireOpen();
      return reader.counts(of);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
