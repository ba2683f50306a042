// tus-js-client as its users have it, in both of its versions: one upload, awaited.
import { Upload as Upload4 } from "tus-js-client";
import { Upload as Upload5 } from "tus-js-client-5";

export const CLIENTS = ["tus-js-client 4", "tus-js-client 5"] as const;
export type ClientName = (typeof CLIENTS)[number];

export type TusOptions = NonNullable<ConstructorParameters<typeof Upload4>[1]>;
type Source = ConstructorParameters<typeof Upload4>[0];

export interface TusUpload {
  /** Resolves with the upload's address once the client says that it is done. */
  readonly done: Promise<string>;
  /** With `true` the server is told to end it, too. */
  abort(isForGood?: boolean): Promise<void>;
  url(): string | null;
}

export function startUpload(name: ClientName, source: Source, options: TusOptions): TusUpload {
  const { promise: done, resolve, reject } = Promise.withResolvers<string>();
  // Of a transfer that is aborted nothing more is heard.
  done.catch(() => undefined);
  const all: TusOptions = {
    retryDelays: [0, 50, 100, 200],
    ...options,
    onError: reject,
    onSuccess: (payload) => {
      options.onSuccess?.(payload);
      resolve(upload.url ?? "");
    },
  };
  const upload = create(name, source, all);
  upload.start();
  return { done, abort: (isForGood) => upload.abort(isForGood), url: () => upload.url };
}

/** Both have the same options as far as they are used here; their types are of two packages. */
function create(
  name: ClientName,
  source: Source,
  options: TusOptions,
): { url: string | null; start(): void; abort(isForGood?: boolean): Promise<void> } {
  return name === "tus-js-client 4"
    ? new Upload4(source, options)
    : new Upload5(source as never, options as never);
}
