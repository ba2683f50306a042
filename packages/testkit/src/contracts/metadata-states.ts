// Which states a change starts from.
import type { Change, UploadRecord } from "@holdfast/engine";
import { UPLOAD_STATES } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { sampleUpload } from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";

/** Every change of a kind is refused, and changes nothing, but in the states it starts from. */
export function itNeedsState(
  bench: MetadataBench,
  kind: string,
  allowed: readonly UploadRecord["state"][],
  change: (upload: UploadRecord) => Change,
): void {
  it(`${kind} is refused but in state ${allowed.join(", ")}`, async () => {
    for (const state of UPLOAD_STATES.filter((some) => !allowed.includes(some))) {
      const upload = await bench.uploadIn(state);
      const before = await bench.store().upload(upload.id);
      const refused = await refusal(bench.store().apply(change(upload)));
      expect(refused).toMatchObject({ code: "upload_not_open", details: { state } });
      expect(await bench.store().upload(upload.id)).toEqual(before);
    }
  });
  it(`${kind} of an upload that does not exist is upload_not_found`, async () => {
    const { code } = await refusal(bench.store().apply(change(sampleUpload(1))));
    expect(code).toBe("upload_not_found");
  });
}
