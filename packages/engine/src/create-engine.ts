// Puts the engine together: each verb is a file of its own.
import { abort } from "./abort.ts";
import { append } from "./append.ts";
import { complete } from "./complete.ts";
import { concatenate } from "./concatenate.ts";
import { confirm } from "./confirm.ts";
import { content, readContent } from "./content.ts";
import { createContext } from "./context.ts";
import { create, sizeMax } from "./create.ts";
import { deleteFile } from "./delete.ts";
import { drain } from "./drain.ts";
import type { Abilities, Engine, EngineParts } from "./engine.ts";
import { finished } from "./finished.ts";
import { mendingManifest } from "./heal-manifest.ts";
import { listFiles } from "./list.ts";
import { readManifest } from "./manifest.ts";
import { offset } from "./offset.ts";
import { presign, revoke } from "./presign.ts";
import { provePart } from "./proof.ts";
import { putRun } from "./put-run.ts";
import { addressOf, findFile, isAllThere } from "./read.ts";
import { checkRead, readChecked } from "./read-verified.ts";
import { recover } from "./recover.ts";
import { publicFile, revokeContentLink, revokeFileLink, setPublic } from "./sharing.ts";
import { status } from "./status.ts";
import { storeFile } from "./store-file.ts";
import { sweep } from "./sweep.ts";
import { readUploadDigests } from "./upload-digests.ts";
import { watch } from "./watch.ts";

export function createEngine(parts: EngineParts): Engine {
  const context = createContext(parts);
  return {
    abilities: abilitiesOf(parts),
    create: (principal, request, key, beginning) =>
      create(context, principal, request, { key, ...beginning }),
    concatenate: (principal, wants) => concatenate(context, principal, wants),
    putRun: (principal, command) => putRun(context, principal, command),
    presign: (principal, id, parts, lifeMs, to) =>
      presign(context, principal, id, parts, lifeMs, to),
    revoke: (principal, id) => revoke(context, principal, id),
    confirm: (principal, id, parts) => confirm(context, principal, id, parts),
    append: (principal, command) => append(context, principal, command),
    storeFile: (principal, command) => storeFile(context, principal, command),
    sizeMax: (principal) => sizeMax(context, principal),
    finished: (principal, id) => finished(context, principal, id),
    offset: (principal, id, completes) => offset(context, principal, id, completes),
    digests: (principal, id) => readUploadDigests(context, principal, id),
    status: (principal, id) => status(context, principal, id),
    watch: (principal, id, gone) => watch(context, principal, id, gone),
    content: (principal, id) => content(context, principal, id),
    readContent: (asked, range, gone, outlet) =>
      readContent(context, { asked, gone, outlet }, range),
    complete: (principal, id, request) => complete(context, principal, id, request),
    abort: (principal, id) => abort(context, principal, id),
    file: (principal, id) => findFile(context, principal, id),
    publicFile: (id) => publicFile(context, id),
    setPublic: (principal, id, who) => setPublic(context, principal, id, who),
    revokeFileLink: (principal, id, link, until) =>
      revokeFileLink(context, principal, id, link, until),
    revokeContentLink: (principal, id, link, until) =>
      revokeContentLink(context, principal, id, link, until),
    files: (principal, request) => listFiles(context, principal, request),
    deleteFile: (principal, id) => deleteFile(context, principal, id),
    read: (file, range, how, outlet) => readChecked(context, file, range, how, outlet),
    checkRead: (file, range, how) =>
      mendingManifest(context, file, () => checkRead(context, file, range, how)),
    addressOf: (file, terms) => addressOf(context, file, terms),
    isAllThere: (file) => isAllThere(context, file),
    manifest: (file) => mendingManifest(context, file, () => readManifest(context, file)),
    proof: (file, index) => mendingManifest(context, file, () => provePart(context, file, index)),
    health: async () => ({
      ...(await parts.metadata.counts()),
      ...(await context.room.look()),
      damaged: (await parts.metadata.due("damaged", { limit: 1_000 })).length,
    }),
    recover: (onHeld) => recover(context, onHeld),
    sweep: (by, wants) => sweep(context, by, wants),
    drain: (graceMs) => drain(context, graceMs),
  };
}

function abilitiesOf({ storage: { limits } }: EngineParts): Abilities {
  const { sizeMax, partSizeMax, partCountMax } = limits;
  return { sizeMax: Math.min(sizeMax, partSizeMax * partCountMax) };
}
