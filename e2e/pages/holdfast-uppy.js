// A page as the README of @holdfast/uppy has it: Dashboard, Golden Retriever where it is asked for, and our uploader.
import { createClient } from "@holdfast/client/browser";
import { Holdfast } from "@holdfast/uppy";
import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import GoldenRetriever from "@uppy/golden-retriever";

const query = new URLSearchParams(location.search);
const target = document.createElement("div");
document.body.append(target);

const uppy = new Uppy()
  .use(Dashboard, { inline: true, target, proudlyDisplayPoweredByUppy: false })
  .use(Holdfast, { to: query.get("to"), ...(query.has("shared") && { client: createClient() }) });
// Blobs above 10 MB are not its own by default: those have to be chosen again.
if (query.has("retriever"))
  uppy.use(GoldenRetriever, { indexedDB: { maxFileSize: Number(query.get("retriever")) } });

const seen = { progress: [], errors: [], complete: undefined };
uppy.on("upload-progress", (_, { bytesUploaded }) => seen.progress.push(bytesUploaded));
uppy.on("upload-error", (_, { code, message, details }) =>
  seen.errors.push({ code, message, details }),
);
uppy.on("complete", ({ successful, failed }) => {
  seen.complete = { urls: successful.map(({ uploadURL }) => uploadURL), failed: failed.length };
});

const answer = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** How many files Golden Retriever has kept, or undefined where it has not noted yet that they are on their way. */
async function keptBlobs() {
  const database = await answer(indexedDB.open("uppy-blobs"));
  const read = (name) => answer(database.transaction(name).objectStore(name).getAll());
  const [noted] = await read("metadata");
  const blobs = await read("files");
  database.close();
  const { currentUploads = {}, files = {} } = noted ? JSON.parse(noted.metadata) : {};
  const isNoted = Object.values(files).some(({ progress }) => progress.bytesUploaded > 0);
  return isNoted && Object.keys(currentUploads).length > 0 ? blobs.length : undefined;
}

Object.assign(window, { uppy, seen, keptBlobs });
document.body.dataset.state = "ready";
