// The client to compare with: tus-js-client sends one file as its documentation has it, in one PATCH. Prints how long that took.
import { createReadStream } from "node:fs";
import { Upload } from "tus-js-client";

const [path = "", endpoint = ""] = process.argv.slice(2);
const began = performance.now();
const upload = new Upload(createReadStream(path), {
  endpoint,
  chunkSize: Number.POSITIVE_INFINITY,
  onError(error) {
    console.error(error.message);
    process.exitCode = 1;
  },
  onSuccess() {
    const seconds = (performance.now() - began) / 1000;
    console.log(JSON.stringify({ event: "complete", seconds }));
  },
});
upload.start();
