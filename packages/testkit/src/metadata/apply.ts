// What every change to the records requires and does, on plain maps: the executable specification that every metadata store is held to.
import type { Change } from "@holdfast/engine";
import type { UploadId } from "@holdfast/protocol";
import type { RecordState } from "./state.ts";
import { append, fixSize, tell } from "./state-append.ts";
import { claim, release, renew, want } from "./state-claim.ts";
import { erased, expire, forget, hide, store, storeAlone } from "./state-end.ts";
import { note, relocate, revokeLink } from "./state-notes.ts";
import {
  cleared,
  commit,
  create,
  end,
  publish,
  reopen,
  revoke,
  seal,
  withdraw,
} from "./state-parts.ts";
import { bind, move, place } from "./state-place.ts";

/** Makes one change, whole or not at all: every condition is looked at before the first record changes. `now` is the store's clock, which only claims go by. Gives the upload's version that it has made. */
export function applyChange(state: RecordState, change: Change, now: number): number | undefined {
  const id = uploadOf(change);
  const before = id && state.uploads.get(id);
  make(state, change, now);
  const after = id && state.uploads.get(id);
  if (!before || !after || after === before || isOfClaim(change)) return undefined;
  const version = before.version + 1;
  state.uploads.set(id, { ...after, version });
  return version;
}

function uploadOf(change: Change): UploadId | undefined {
  switch (change.kind) {
    case "publish":
      return change.file.uploadId;
    case "create":
    case "store":
    case "store-alone":
    case "delete":
    case "note":
    case "relocate":
    case "erased":
      return undefined;
    default:
      return change.id;
  }
}

function isOfClaim({ kind }: Change): boolean {
  return kind === "claim" || kind === "renew" || kind === "want" || kind === "release";
}

function make(state: RecordState, change: Change, now: number): void {
  switch (change.kind) {
    case "create":
      create(state, change);
      break;
    case "place":
      place(state, change);
      break;
    case "move":
      move(state, change);
      break;
    case "bind":
      bind(state, change);
      break;
    case "commit":
      commit(state, change);
      break;
    case "append":
      append(state, change);
      break;
    case "fix-size":
      fixSize(state, change);
      break;
    case "told":
      tell(state, change);
      break;
    case "withdraw":
      withdraw(state, change);
      break;
    case "seal":
      seal(state, change);
      break;
    case "revoke":
      revoke(state, change);
      break;
    case "reopen":
      reopen(state, change);
      break;
    case "publish":
      publish(state, change);
      break;
    case "store":
      store(state, change);
      break;
    case "store-alone":
      storeAlone(state, change);
      break;
    case "end":
      end(state, change);
      break;
    case "expire":
      expire(state, change);
      break;
    case "claim":
      claim(state, change, now);
      break;
    case "renew":
      renew(state, change, now);
      break;
    case "want":
      want(state, change, now);
      break;
    case "release":
      release(state, change);
      break;
    case "cleared":
      cleared(state, change);
      break;
    case "forget":
      forget(state, change);
      break;
    case "delete":
      hide(state, change);
      break;
    case "note":
      note(state, change);
      break;
    case "relocate":
      relocate(state, change);
      break;
    case "revoke-link":
      revokeLink(state, change);
      break;
    case "erased":
      erased(state, change);
      break;
  }
}
