// Every setting of the command line, one row each: options, environment, file, documentation and completion are made of this table.

/** The values a setting takes, and how they are written. */
export type Kind =
  | "address"
  | "text"
  | "path"
  | "whole"
  | "size"
  | "rate"
  | "duration"
  | "switch"
  | "choice"
  | "list"
  | "database"
  | "bucket"
  | "pairs"
  | "buckets";

export type Layer = "flag" | "environment" | "profile" | "file";

export interface SettingRow {
  readonly kind: Kind;
  readonly help: string;
  /** What stands for the value in a help text, if not the kind's own word. */
  readonly placeholder?: string;
  /** As one would write it. */
  readonly default?: string;
  /** Of a whole number or a size, both included. */
  readonly range?: readonly [number, number];
  readonly choices?: readonly string[];
  /** Where it may come from, if not from everywhere. */
  readonly layers?: readonly Layer[];
  /** Never shown. */
  readonly isSecret?: true;
  /** The variable, where it is not made of the key. */
  readonly variable?: string;
  /** A variable that other programs read too: set and not empty, it stands for `value`, behind our own. */
  readonly foreign?: { readonly variable: string; readonly value: string };
}

/** Keys as they stand in the file; what is before the dot is a table there. The option is what comes after it. */
export const SETTINGS = {
  to: { kind: "address", help: "address of the server" },
  token: {
    kind: "text",
    help: "token that the server asks for; serve takes it as the one it asks for",
    layers: ["environment"],
    isSecret: true,
  },
  key: {
    kind: "text",
    help: "key that serve signs addresses with, 32 bytes or more as hexadecimal or base64",
    layers: ["environment"],
    isSecret: true,
  },
  "key-previous": {
    kind: "text",
    help: "the key before it, which stays good",
    layers: ["environment"],
    isSecret: true,
  },
  "token-file": { kind: "path", help: "file that holds the token and nothing else" },
  files: {
    kind: "whole",
    help: "files at a time, and up to 16 small ones",
    range: [1, 64],
    default: "4",
  },
  concurrency: { kind: "whole", help: "requests in flight at most", range: [1, 64] },
  "part-size": {
    kind: "size",
    help: "size of a part, a multiple of 256K; without it the server chooses",
    range: [262_144, 5_368_709_120],
  },
  "limit-rate": { kind: "rate", help: "bytes a second at most, such as 2M or 500K" },
  "give-up": { kind: "duration", help: "end after this long without progress", default: "15m" },
  "state-dir": {
    kind: "path",
    help: "where checkpoints are kept; without it the platform's place for such things",
    layers: ["environment", "profile", "file"],
  },
  color: {
    kind: "choice",
    help: "colors on the terminal",
    choices: ["auto", "always", "never"],
    default: "auto",
    foreign: { variable: "NO_COLOR", value: "never" },
  },
  config: {
    kind: "path",
    help: "another configuration file",
    layers: ["flag", "environment"],
  },
  profile: {
    kind: "text",
    placeholder: "name",
    help: "use [profile.NAME] of the configuration file",
    layers: ["flag", "environment"],
  },
  "default-profile": {
    kind: "text",
    help: "profile that is used where none is named",
    layers: ["file"],
  },
  "serve.host": {
    kind: "text",
    placeholder: "host",
    help: "address to listen on",
    default: "127.0.0.1",
  },
  "serve.port": {
    kind: "whole",
    placeholder: "port",
    help: "port to listen on; 0 takes a free one",
    range: [0, 65_535],
    default: "8420",
  },
  "serve.socket": {
    kind: "path",
    help: "socket in the file system to listen on too, for a proxy here",
  },
  "serve.h2c-port": {
    kind: "whole",
    placeholder: "port",
    help: "port that speaks HTTP/2 in the clear",
    range: [0, 65_535],
  },
  "serve.data": {
    kind: "path",
    placeholder: "dir",
    help: "where everything is kept",
    default: "./holdfast-data",
  },
  "serve.storage": {
    kind: "bucket",
    help: "keep the bytes in this bucket, not on the disk",
    variable: "HOLDFAST_STORAGE",
  },
  "serve.storages": {
    kind: "buckets",
    help: "further buckets by names: NAME=s3://BUCKET/PREFIX,...",
  },
  "serve.homes": {
    kind: "pairs",
    help: "whose bytes go to which of these: TENANT=NAME,...",
  },
  "serve.metadata": {
    kind: "database",
    help: "keep the records in this PostgreSQL, not beside the data",
    variable: "HOLDFAST_METADATA",
  },
  "serve.keep-free": {
    kind: "size",
    help: "begin no upload with less room on the disk than this",
  },
  "serve.origins": {
    kind: "list",
    help: "origins whose pages may use it from a browser",
  },
  "serve.proxies": {
    kind: "list",
    help: "proxies to believe, such as 10.0.0.0/8; unix is --socket",
  },
  "serve.interim": {
    kind: "choice",
    help: "who is sent 104 responses: not behind proxies, always, never",
    choices: ["direct", "always", "never"],
    default: "direct",
  },
  "serve.redirect-reads": {
    kind: "switch",
    help: "lead downloads to the bucket, by addresses good for 15 minutes",
  },
  "serve.accel-redirect": {
    kind: "text",
    placeholder: "prefix",
    help: "let nginx in front send files by itself, from this internal location",
  },
  "serve.verify-reads": {
    kind: "switch",
    help: "check each part again before it is sent to a reader",
  },
  "serve.log-level": {
    kind: "choice",
    help: "what is logged; debug is every request",
    choices: ["error", "warn", "info", "debug"],
  },
  "serve.log-format": {
    kind: "choice",
    help: "JSON lines for programs, or text for people",
    choices: ["json", "text"],
  },
  "serve.memory": {
    kind: "size",
    help: "memory that bodies of uploads may pass through",
    range: [16_777_216, 4_294_967_296],
    default: "256M",
    layers: ["environment", "profile", "file"],
  },
  "serve.requests-max": {
    kind: "whole",
    help: "requests that one principal may have under way",
    range: [1, 4_000],
    default: "2000",
    layers: ["environment", "profile", "file"],
  },
  "serve.size-max": {
    kind: "size",
    help: "largest upload, where a token says nothing else",
    layers: ["environment", "profile", "file"],
  },
  "serve.open-max": {
    kind: "whole",
    help: "uploads that a principal may have open, where its token says nothing else",
    range: [0, 1_000_000_000],
    layers: ["environment", "profile", "file"],
  },
  "serve.bytes-max": {
    kind: "size",
    help: "bytes that a principal may have in files and uploads, where its token says nothing else",
    layers: ["environment", "profile", "file"],
  },
  "serve.in-flight-max": {
    kind: "whole",
    help: "parts that a principal may have on their way, where its token says nothing else",
    range: [1, 4_000],
    layers: ["environment", "profile", "file"],
  },
  "serve.tls-cert": {
    kind: "path",
    help: "speak HTTPS with this certificate (PEM, with its chain)",
  },
  "serve.tls-key": {
    kind: "path",
    help: "and this key; both are read again when they change, and on SIGHUP",
  },
  "serve.tls-min": {
    kind: "choice",
    help: "oldest TLS to speak",
    choices: ["1.2", "1.3"],
    default: "1.3",
  },
  "serve.insecure": { kind: "switch", help: "allow plain HTTP beyond this machine" },
  "serve.token-file": {
    kind: "path",
    help: "file that holds the token that the server asks for",
  },
} as const;

export type SettingName = keyof typeof SETTINGS;

/** Names of the settings of some kinds. */
type NamesOf<K extends Kind> = {
  [Name in SettingName]: (typeof SETTINGS)[Name]["kind"] extends K ? Name : never;
}[SettingName];

export type TextSetting = NamesOf<"address" | "text" | "path" | "choice" | "database" | "bucket">;
export type NumberSetting = NamesOf<"whole" | "size" | "rate" | "duration">;
export type SwitchSetting = NamesOf<"switch">;
export type ListSetting = NamesOf<"list" | "pairs" | "buckets">;

export function settingRow(name: SettingName): SettingRow {
  return SETTINGS[name];
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

export const SETTING_NAMES: readonly SettingName[] = Object.keys(SETTINGS).filter(isSettingName);

const EVERYWHERE: readonly Layer[] = ["flag", "environment", "profile", "file"];

export function layersOf(name: SettingName): readonly Layer[] {
  return settingRow(name).layers ?? EVERYWHERE;
}

/** `serve.port` is HOLDFAST_SERVE_PORT. */
export function variableOf(name: SettingName): string {
  return settingRow(name).variable ?? `HOLDFAST_${name.toUpperCase().replaceAll(/[.-]/g, "_")}`;
}

/** `serve.port` is `--port`. */
export function flagOf(name: SettingName): string {
  return `--${name.slice(name.indexOf(".") + 1)}`;
}
