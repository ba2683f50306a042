// How the page is built and served: with a policy that lets it load its own scripts and reach the server, and nothing else.
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const HOLDFAST = process.env.VITE_HOLDFAST ?? "http://127.0.0.1:8420";

/** As strict as it can be. `wasm-unsafe-eval` only makes digesting faster where there is no WebCrypto, as on plain HTTP. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "worker-src 'self'",
  `connect-src ${HOLDFAST}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export default defineConfig({
  plugins: [vue()],
  // The client's worker loads parts of itself where it needs them.
  worker: { format: "es" },
  // The development server would tear the worker from the script that starts it.
  optimizeDeps: { exclude: ["@holdfast/client"] },
  preview: { headers: { "content-security-policy": POLICY } },
});
