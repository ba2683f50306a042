// An uploader for Uppy: `uppy.use(Holdfast, { to: "https://files.example" })`.
export { Holdfast, type HoldfastBody, type HoldfastOptions } from "./plugin.ts";
