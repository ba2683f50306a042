// tus-js-client 4: a stream is given to it as its reader.
import { Upload } from "tus-js-client";
import { runPage } from "./tus-page.js";

runPage(Upload, { takesStreams: false });
