// One transfer by the SDK in a process of its own: prints what it cost, without what the start of the process costs.
import { download, upload } from "@holdfast/client/node";

const [direction = "", from = "", to = "", stateDir = ""] = process.argv.slice(2);
const before = process.cpuUsage();
const began = performance.now();
const transfer =
  direction === "upload" ? upload(from, { to, stateDir }) : download(from, to, { stateDir });
const { url, size } = await transfer.done;
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - began) / 1000;
const memory = process.resourceUsage().maxRSS * 1024;
const cpu = (user + system) / 1e6;
console.log(JSON.stringify({ event: "complete", url, size, cpu, seconds, memory }));
