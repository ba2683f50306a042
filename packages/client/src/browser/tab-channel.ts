// What the engines of an origin's tabs tell each other of an upload. One of them owns it, by its claim; the others watch.
import type { SentEvent } from "./messages.ts";

export const TABS = "holdfast.1";

/** What a person may want of an upload, whichever tab they look at. */
export type Command = "pause" | "resume" | "abort";

/** About the upload with this checkpoint. */
export type ToTabs =
  /** Says how it stands, and from now on what happens. `from` names who asks. */
  | { readonly type: "watch"; readonly key: string; readonly from: string }
  /** By its owner; to all who watch, or to one of them. */
  | {
      readonly type: "events";
      readonly key: string;
      readonly to?: string;
      readonly events: readonly SentEvent[];
    }
  /** Its owner does it, the others know of it should that one go. */
  | { readonly type: "do"; readonly key: string; readonly what: Command }
  /** Somebody has become its owner. */
  | { readonly type: "begun"; readonly key: string };

export type Hear = (message: ToTabs) => void;

export interface TabChannel {
  /** Tells all others who have joined with that key, in this tab too. */
  say(message: ToTabs, by: Hear): void;
  /** Hears what is said of the key until the returned function is called. */
  join(key: string, hear: Hear): () => void;
  /** Whether somebody in this tab has joined. */
  has(key: string): boolean;
  close(): void;
}

/** As much of a BroadcastChannel as is used. */
export interface Wire<Message> {
  onmessage: ((event: MessageEvent<Message>) => void) | null;
  postMessage(message: Message): void;
  close(): void;
}

/** Undefined where the browser has none. Its name says its version: tabs with another one are not heard, and hear nothing. */
export function openWire<Message>(name: string): Wire<Message> | undefined {
  return "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : undefined;
}

export function createTabChannel(opened: Wire<ToTabs> | undefined): TabChannel {
  let wire = opened;
  const joined = new Map<string, Set<Hear>>();

  function hear(message: ToTabs, by?: Hear): void {
    for (const one of [...(joined.get(message.key) ?? [])]) if (one !== by) one(message);
  }

  if (wire) wire.onmessage = ({ data }) => isOurs(data) && hear(data);
  return {
    say(message, by) {
      wire?.postMessage(message);
      hear(message, by);
    },
    join(key, one) {
      const all = joined.get(key) ?? new Set();
      joined.set(key, all.add(one));
      return () => {
        all.delete(one);
        if (all.size === 0 && joined.get(key) === all) joined.delete(key);
      };
    },
    has: (key) => joined.has(key),
    close() {
      wire?.close();
      // What still ends in this tab, nobody is told of.
      wire = undefined;
    },
  };
}

const COMMANDS: ReadonlySet<unknown> = new Set<Command>(["pause", "resume", "abort"]);

/** Any script of this origin may say anything here, and what breaks in an engine ends all that it is at: what has another shape is passed over. */
function isOurs(said: unknown): said is ToTabs {
  if (!isObject(said) || !("type" in said) || !("key" in said)) return false;
  switch (said.type) {
    case "events":
      return "events" in said && Array.isArray(said.events) && said.events.every(isObject);
    case "do":
      return "what" in said && COMMANDS.has(said.what);
    default:
      return said.type === "watch" || said.type === "begun";
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
