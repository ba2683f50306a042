// The client's core: uploads and downloads over ports, for every platform.

export type { AnyFile } from "./any-file.ts";
export type { AskOptions } from "./ask.ts";
export type { TokenSource } from "./auth.ts";
export {
  type CreateLinkOptions,
  createLink,
  type Link,
  type RevokeLinkOptions,
  revokeLink,
} from "./create-link.ts";
export type { DeleteFileOptions } from "./delete-file.ts";
export { deleteFile } from "./delete-file.ts";
export {
  type Described,
  type DescribeOptions,
  describeAnyFile,
  describeFile,
} from "./describe.ts";
export { type DownloadOptions, startDownload } from "./download.ts";
export type { Progress, PublicState, Transfer, TransferEvents } from "./events.ts";
export { takesToken } from "./file-address.ts";
export { type FilePage, type ListFilesOptions, listFiles } from "./list-files.ts";
export { createMeter, type Meter } from "./meter.ts";
export type { TransferOptions } from "./options.ts";
export * from "./ports.ts";
export { type RepairOptions, startRepair } from "./repair.ts";
export { makePrivate, makePublic, type SetPublicOptions } from "./set-public.ts";
export { ALONE, createShare, type Room, type Share, type ShareOptions } from "./share.ts";
export type { Result, Trouble } from "./state.ts";
export {
  type ByteSink,
  type StreamDownloadOptions,
  startStreamDownload,
} from "./stream/download-stream.ts";
export { type ByteStream, streamOf } from "./stream/read-run.ts";
export { type StreamUploadOptions, startStreamUpload } from "./stream/upload-stream.ts";
export { type SweepOptions, sweepServer } from "./sweep-server.ts";
export type {
  NotedCommand,
  Unfinished,
  UnfinishedCommand,
  UnfinishedDownload,
  UnfinishedUpload,
} from "./unfinished.ts";
export { startUpload, type UploadOptions } from "./upload.ts";
export { abortUpload, type UploadAddress, uploadStatus } from "./upload-status.ts";
export {
  type BadPart,
  type VerifyFileOptions,
  type VerifyOptions,
  verifyFile,
  verifySource,
} from "./verify.ts";
