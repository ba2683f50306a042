// tus-js-client 5, as far as it is published.
import { Upload } from "tus-js-client-5";
import { runPage } from "./tus-page.js";

runPage(Upload, { takesStreams: true });
