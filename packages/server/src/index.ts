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
