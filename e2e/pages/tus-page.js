// A page as the documentation of tus-js-client has it, for any version of it: the file that is chosen goes on where an earlier visit left it. The address says how.
const query = new URLSearchParams(location.search);

function tell(state, upload) {
  document.body.dataset.state = state;
  if (upload?.url) document.body.dataset.url = upload.url;
}

/** What comes as a stream has no size before it ends. */
function sourceOf(file, { takesStreams }) {
  if (!query.has("deferred")) return file;
  return takesStreams ? file.stream() : file.stream().getReader();
}

export function runPage(Upload, kind) {
  const input = document.createElement("input");
  input.type = "file";
  document.body.append(input);
  input.addEventListener("change", async () => {
    const [file] = input.files ?? [];
    if (!file) return;
    let abortAt = Number(query.get("abort") ?? Number.POSITIVE_INFINITY);
    const protocol = query.get("protocol");
    const options = {
      endpoint: query.get("endpoint"),
      ...(protocol === null ? {} : { protocol }),
      chunkSize: Number(query.get("chunk")),
      parallelUploads: Number(query.get("parallel") ?? 1),
      overridePatchMethod: query.has("override"),
      uploadLengthDeferred: query.has("deferred"),
      uploadDataDuringCreation: query.has("creation"),
      metadata: { filename: file.name, filetype: file.type },
      onError: (error) => tell(`failed: ${error.message}`, upload),
      onSuccess: () => tell("done", upload),
      // Once: what is stopped by hand goes on by hand.
      onChunkComplete: async (_, accepted) => {
        if (accepted < abortAt) return;
        abortAt = Number.POSITIVE_INFINITY;
        await upload.abort();
        document.body.dataset.aborted = String(accepted);
        upload.start();
      },
    };
    const upload = new Upload(sourceOf(file, kind), options);
    // A stream has nothing by which it would be known again.
    const [earlier] = query.has("deferred") ? [] : await upload.findPreviousUploads();
    if (earlier) upload.resumeFromPreviousUpload(earlier);
    upload.start();
  });
  tell("ready");
}
