// What a page starts as a worker: the engine, at the port that comes first.
import { serveEngine } from "./engine.ts";

globalThis.addEventListener(
  "message",
  ({ ports: [port] }) => {
    if (port) serveEngine(port);
  },
  { once: true },
);
