// A page as the documentation of tus-js-client has it: the file that is chosen goes on where an earlier visit left it.
import { Upload } from "tus-js-client";

const query = new URLSearchParams(location.search);
const input = document.createElement("input");
input.type = "file";
document.body.append(input);

function tell(state, upload) {
  document.body.dataset.state = state;
  if (upload?.url) document.body.dataset.url = upload.url;
}

input.addEventListener("change", async () => {
  const [file] = input.files ?? [];
  if (!file) return;
  const options = {
    endpoint: query.get("endpoint"),
    chunkSize: Number(query.get("chunk")),
    parallelUploads: Number(query.get("parallel") ?? 1),
    overridePatchMethod: query.has("override"),
    metadata: { filename: file.name, filetype: file.type },
    onError: (error) => tell(`failed: ${error.message}`, upload),
    onSuccess: () => tell("done", upload),
  };
  const upload = new Upload(file, options);
  const [earlier] = await upload.findPreviousUploads();
  if (earlier) upload.resumeFromPreviousUpload(earlier);
  upload.start();
});
tell("ready");
