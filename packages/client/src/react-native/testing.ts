// For tests: what stands in for React Native. Its XMLHttpRequest is one over `fetch` here, with that much of its behaviour that the client relies on.
import type { DeviceFile, DeviceStorage } from "./device.ts";

/** An app's storage: it outlives clients, as it outlives the app. */
export function memoryStorage(): DeviceStorage & { readonly entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    getItem: async (key) => entries.get(key) ?? null,
    setItem: async (key, value) => {
      entries.set(key, value);
    },
    removeItem: async (key) => {
      entries.delete(key);
    },
    getAllKeys: async () => [...entries.keys()],
  };
}

export function fileOf(bytes: Uint8Array, id = "videos/1.mov"): DeviceFile {
  return {
    name: "1.mov",
    id,
    size: bytes.length,
    lastModified: 1_700_000_000_000,
    type: "video/quicktime",
    read: (offset, length) => bytes.slice(offset, offset + length),
  };
}

type Progress = { readonly loaded: number };

/** Bodies as typed arrays, answers as an ArrayBuffer, redirects followed without a word, `upload` told once. */
export class DeviceXhr {
  responseType = "";
  status = 0;
  response: unknown = null;
  responseURL = "";
  readonly upload: {
    onprogress?: ((event: Progress) => void) | null;
    onload?: (() => void) | null;
  } = {};
  onload?: (() => void) | null;
  onerror?: (() => void) | null;
  onabort?: (() => void) | null;
  ontimeout?: (() => void) | null;
  #asked: { readonly method: string; readonly url: string } = { method: "GET", url: "" };
  #headers: Record<string, string> = {};
  #answered: Headers = new Headers();
  readonly #stop: AbortController = new AbortController();

  open(method: string, url: string): void {
    this.#asked = { method, url };
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  getAllResponseHeaders(): string {
    return [...this.#answered].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  }

  abort(): void {
    this.#stop.abort();
  }

  send(body: Uint8Array<ArrayBuffer> | null): void {
    void this.#run(body).then(
      () => this.onload?.(),
      () => (this.#stop.signal.aborted ? this.onabort?.() : this.onerror?.()),
    );
  }

  async #run(body: Uint8Array<ArrayBuffer> | null): Promise<void> {
    const { method, url } = this.#asked;
    const { signal } = this.#stop;
    // The system has its own copy before `send` is done.
    const sent = body ? { body: body.slice() } : {};
    const answer = await fetch(url, { method, headers: this.#headers, signal, ...sent });
    this.upload.onprogress?.({ loaded: body?.length ?? 0 });
    this.upload.onload?.();
    this.status = answer.status;
    this.responseURL = answer.url;
    this.#answered = answer.headers;
    this.response = await answer.arrayBuffer();
  }
}
