// A page as Uppy's documentation has it: Dashboard with @uppy/tus.
import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import Tus from "@uppy/tus";

const query = new URLSearchParams(location.search);
const target = document.createElement("div");
document.body.append(target);

const uppy = new Uppy({ autoProceed: false })
  .use(Dashboard, { inline: true, target })
  .use(Tus, { endpoint: query.get("endpoint") ?? "", chunkSize: Number(query.get("chunk")) });

uppy.on("complete", ({ successful = [], failed = [] }) => {
  const [file] = successful;
  if (file?.response?.uploadURL) document.body.dataset.url = file.response.uploadURL;
  document.body.dataset.state = failed.length === 0 ? "done" : `failed: ${failed[0]?.error}`;
});
document.body.dataset.state = "ready";
