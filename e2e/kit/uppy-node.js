// Uppy as its documentation has it, in Node: `node uppy-node.js ENDPOINT PATH` sends a file as partials, side by side, and prints where it is.
import { readFile } from "node:fs/promises";
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";

const [endpoint = "", path = ""] = process.argv.slice(2);
const uppy = new Uppy().use(Tus, { endpoint, parallelUploads: 3, chunkSize: 5 * 1024 * 1024 });
uppy.addFile({ name: "uppy.bin", type: "a/b", data: await readFile(path) });
const { successful = [], failed = [] } = (await uppy.upload()) ?? {};
if (failed.length > 0) throw new Error(String(failed[0]?.error));
console.log(successful[0]?.uploadURL);
