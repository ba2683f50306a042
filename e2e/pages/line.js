// A page that is measured on bad lines: the file that was chosen by our client, and by tus-js-client as its documentation has it.
import { createClient } from "@holdfast/client/browser";
import { Upload } from "tus-js-client";

const input = document.createElement("input");
input.type = "file";
document.body.append(input);

function clock() {
  const startedAt = performance.now();
  return () => (performance.now() - startedAt) / 1000;
}

/** Resolves once the file is published. */
window.sendOurs = async (to) => {
  const client = createClient();
  const seconds = clock();
  const retries = [];
  const transfer = client.upload(input.files[0], { to });
  transfer.on("retry", ({ code }) => retries.push(`${seconds().toFixed(1)} s: ${code}`));
  const { bytesSent } = await transfer.done;
  const report = { isWhole: true, seconds: seconds(), told: { retries, bytesSent } };
  client.close();
  return report;
};

/** Resolves once all of it is there. */
window.sendTus = (to) =>
  new Promise((resolve, reject) => {
    const seconds = clock();
    const upload = new Upload(input.files[0], {
      endpoint: `${to}/files`,
      metadata: { filename: input.files[0].name, filetype: input.files[0].type },
      onError: reject,
      onSuccess: () => resolve({ isWhole: true, seconds: seconds(), told: {} }),
    });
    upload.start();
  });
