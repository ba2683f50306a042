// The Holdfast server: serve files to and from a data directory.
export type { ServeOptions } from "./config.ts";
export { type EmbedOptions, type Holdfast, openHoldfast } from "./embed.ts";
export type { FetchHandler } from "./http/fetch.ts";
export type { NodeHandler } from "./http/node.ts";
export { type MasterKeys, rotateKeys } from "./keys/keys-file.ts";
export { createLog, type LogLevel, type LogOptions } from "./log.ts";
export { isScope, type Scope } from "./policy/table.ts";
export {
  createToken,
  hasTokens,
  listTokens,
  type MadeToken,
  revokeToken,
  type TokenInfo,
  type TokenWants,
} from "./policy/tokens-file.ts";
export { type RunningServer, serve } from "./serve.ts";
export { examine as examineS3 } from "./storage/s3/examine.ts";
export type { Finding as S3Finding } from "./storage/s3/finding.ts";
export { initS3, type Step as S3Step } from "./storage/s3/init.ts";
export { parseS3Location } from "./storage/s3/location.ts";
