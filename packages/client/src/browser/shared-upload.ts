// An upload of this page among the tabs of its origin: whoever has the claim on it does the work, the others show what that one tells, and go on should it go.
import { toHoldfastError } from "@holdfast/protocol";
import type { CheckpointStore, Clock } from "../ports.ts";
import type { SentEvent, Where } from "./messages.ts";
import type { Command, Hear, TabChannel, ToTabs } from "./tab-channel.ts";
import { createTelling } from "./tell-tabs.ts";

export interface SharedUploadParts {
  readonly channel: TabChannel;
  readonly clock: Pick<Clock, "after">;
  /** Names this one among all, in all tabs. */
  readonly name: string;
  /** Shows the page what happens, here or where the upload is. */
  readonly show: (event: SentEvent) => void;
  /** This tab's is the upload, and it exists: others may go on with it should this tab go. */
  readonly onBegun: (key: string) => void;
  /** Nothing is left of it to go on with, or this tab failed at it. */
  readonly onOver: (key: string) => void;
  readonly onWhere: (where: Where) => void;
  /** To the transfer of this tab. While another one is at the upload it waits for the claim: then it is paused and resumed in step. */
  readonly command: (what: Command) => void;
}

export interface SharedUpload {
  /** The store that the transfer of this tab is to have: who gets the claim owns the upload. */
  claiming(store: CheckpointStore): CheckpointStore;
  /** What the transfer of this tab tells. */
  note(event: SentEvent): void;
  /** What a person wants who looks at this tab. */
  command(what: Command): void;
  /** When nothing of the transfer runs any more. */
  leave(): void;
}

type Role =
  /** Nobody else can be at it, as far as anybody knows. */
  { readonly kind: "alone" } | { readonly kind: "watching" | "owning"; readonly key: string };

export function shareUpload(parts: SharedUploadParts): SharedUpload {
  const { channel, clock, name, show, command, onWhere, onBegun, onOver } = parts;
  let role: Role = { kind: "alone" };
  let leave: () => void = () => undefined;
  /** A person wants it aborted, and nobody has said yet that it is. */
  let isUnwanted = false;
  /** Of the transfer of this tab. */
  let state: SentEvent | undefined;
  /** Of the tab that has it, as this one first heard of it. */
  let found: SentEvent | undefined;
  const telling = createTelling(clock, (events) => {
    if (role.kind === "owning") say({ type: "events", key: role.key, events });
  });

  const say = (message: ToTabs) => channel.say(message, hear);

  const hear: Hear = (message) => {
    const { key } = message;
    if (message.type === "watch") {
      // Should this tab become its owner, that one is told all the same.
      telling.begin();
      if (role.kind === "owning")
        say({ type: "events", key, to: message.from, events: telling.standing() });
    } else if (message.type === "do") {
      obey(message.what);
    } else if (role.kind === "watching") {
      if (message.type === "begun") say({ type: "watch", key, from: name });
      else if (message.to === undefined || message.to === name) message.events.forEach(follow);
    }
  };

  function obey(what: Command): void {
    if (what !== "abort" || role.kind !== "watching") command(what);
    // Whoever has the upload removes it. Should that one go meanwhile, it is ours to do.
    else isUnwanted = true;
  }

  /** What the owner tells. How it ends says nothing of this tab's file: that is compared before this one says that it is complete. */
  function follow(event: SentEvent): void {
    const next = event.name === "state" ? event.value : undefined;
    if (event.name === "state") found ??= event;
    // Who comes while it is being removed wants it anew.
    if (next === "aborted" && found?.value !== "ending") command("abort");
    if (next === "complete" || next === "failed" || next === "aborted") return;
    show(event);
    if (next !== undefined) command(next === "paused" ? "pause" : "resume");
  }

  function tell(event: SentEvent): void {
    telling.note(event);
    show(event);
    if (event.name === "created" && role.kind === "owning") onBegun(role.key);
  }

  function become(kind: "watching" | "owning", key: string): void {
    const { kind: before } = role;
    if (before === kind) return;
    if (before === "alone") leave = channel.join(key, hear);
    role = { kind, key };
    found = undefined;
    if (kind === "watching" || before === "watching")
      onWhere(kind === "watching" ? "elsewhere" : "here");
    if (kind === "watching") say({ type: "watch", key, from: name });
    else {
      if (before === "watching" && state) tell(state);
      say({ type: "begun", key });
      if (isUnwanted) command("abort");
    }
  }

  return {
    claiming: (store) => ({
      ...store,
      async claim(key) {
        try {
          const release = await store.claim(key);
          become("owning", key);
          return release;
        } catch (error) {
          if (toHoldfastError(error).code === "transfer_busy") become("watching", key);
          throw error;
        }
      },
    }),
    note(event) {
      if (event.name === "state") state = event;
      if (role.kind !== "watching") tell(event);
      // What hinders this tab, besides.
      else if (event.name === "notice") show(event);
    },
    command(what) {
      if (role.kind !== "alone") say({ type: "do", key: role.key, what });
      obey(what);
    },
    leave() {
      leave();
      if (role.kind === "owning") onOver(role.key);
    },
  };
}
