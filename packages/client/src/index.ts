// The client's core: uploads and downloads over ports, for every platform.
export type { TokenSource } from "./auth.ts";
export { type DownloadOptions, startDownload } from "./download.ts";
export type { Progress, PublicState, Transfer, TransferEvents } from "./events.ts";
export type { TransferOptions } from "./options.ts";
export * from "./ports.ts";
export type { Result, Trouble } from "./state.ts";
export { startUpload, type UploadOptions } from "./upload.ts";
