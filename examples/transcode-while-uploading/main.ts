// `node examples/transcode-while-uploading/main.ts URL OUT.mp4`: URL is that of an upload with `/content` behind it; HOLDFAST_TOKEN is that of whoever may read.
import { transcode } from "./transcode.ts";

const [content, out] = process.argv.slice(2);
if (content === undefined || out === undefined) {
  console.error("usage: main.ts http://SERVER/v1/uploads/ID/content OUT.mp4");
  process.exit(2);
}
let told = 0;
await transcode({
  content,
  out,
  token: process.env["HOLDFAST_TOKEN"],
  onFrames(frames) {
    if (frames < told + 250) return;
    told = frames;
    console.error(`${frames} pictures`);
  },
});
console.error(`${out} is whole`);
