// The client for React Native: uploads of a device's files, by what the app gives.
export type { TokenSource } from "../auth.ts";
export type { Progress, PublicState, WatchedTransfer } from "../events.ts";
export type { Result, Trouble } from "../state.ts";
export type { UnfinishedUpload } from "../unfinished.ts";
export type { UploadOptions } from "../upload.ts";
export { type Client, type ClientOptions, createClient } from "./client.ts";
export type { Device, DeviceFile, DeviceStorage } from "./device.ts";
