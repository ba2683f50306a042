// The client for browsers: uploads of files that a page was given, downloads to where a person wants them.
export { type HoldfastError, isHoldfastError } from "@holdfast/protocol";
export type { TokenSource } from "../auth.ts";
export type { Progress, PublicState } from "../events.ts";
export type { Result, Trouble } from "../state.ts";
export type { UploadOptions } from "../upload.ts";
export type { BackgroundOptions } from "./background.ts";
export {
  type Client,
  type ClientOptions,
  createClient,
  type FileOptions,
  type ResumeOptions,
} from "./client.ts";
export { type Found, filesOf } from "./files-of.ts";
export type { Notice, NoticeTexts } from "./notices.ts";
export type { Download, Downloaded, DownloadOptions } from "./page-download.ts";
export type { PageEvents, Transfer } from "./page-transfer.ts";
export type { Upload } from "./page-upload.ts";
export type { Unfinished } from "./unfinished.ts";
export type { UnfinishedDownload } from "./unfinished-downloads.ts";
