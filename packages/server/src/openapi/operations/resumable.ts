// What requests of Resumable Uploads for HTTP have in common, in the API's description.
import { z } from "zod";
import type { Fields, Operation } from "../operation.ts";

export const INTEROP: Fields = {
  "Upload-Draft-Interop-Version": z
    .int()
    .optional()
    .describe("3, 5, 6, 8 or 9: who names one is answered in it, and told of interim responses"),
};

export const INTERIM_REPLY: Operation["replies"] = {
  104: {
    what: "To who names a version, before the answer: where the upload is, or how far",
    headers: {
      Location: z.string().optional(),
      "Upload-Limit": z.string().optional(),
      "Upload-Offset": z.int().min(0).optional(),
    },
  },
};
