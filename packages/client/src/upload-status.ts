// An upload looked at from outside, and its end before its time.
import { toHoldfastError, type UploadView } from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { checkAddress } from "./auth.ts";
import { readUpload } from "./upload-job.ts";

export interface UploadAddress extends AskOptions {
  /** Absolute address of the upload. */
  readonly url: string;
}

/** Resolves with the upload as the server has it. Changes nothing; may be repeated. @throws HoldfastError `upload_not_found` */
export async function uploadStatus(options: UploadAddress, ports: AskPorts): Promise<UploadView> {
  const url = checkAddress(options.url, options.token !== undefined);
  return ask({ method: "GET", url }, readUpload, options, ports);
}

/** Resolves when the upload is aborted, also where it had ended already. May be repeated. @throws HoldfastError `upload_not_found`, `upload_not_open` */
export async function abortUpload(options: UploadAddress, ports: AskPorts): Promise<void> {
  const url = checkAddress(options.url, options.token !== undefined);
  try {
    await ask({ method: "DELETE", url }, (answer) => answer.text(), options, ports);
  } catch (error) {
    if (toHoldfastError(error).code !== "upload_ended") throw error;
  }
}
