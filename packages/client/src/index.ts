// The client's core: uploads and downloads over ports, for every platform.
export type { TokenSource } from "./auth.ts";
export { type DescribeOptions, describeFile } from "./describe.ts";
export { type DownloadOptions, startDownload } from "./download.ts";
export type { Progress, PublicState, Transfer, TransferEvents } from "./events.ts";
export { createMeter, type Meter } from "./meter.ts";
export type { TransferOptions } from "./options.ts";
export * from "./ports.ts";
export { ALONE, createShare, type Share, type ShareOptions } from "./share.ts";
export type { Result, Trouble } from "./state.ts";
export { startUpload, type UploadOptions } from "./upload.ts";
