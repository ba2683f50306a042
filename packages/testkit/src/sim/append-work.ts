// How clients append in a simulated life. Each offset is noted as it is told.
import type { Engine } from "@holdfast/engine";
import type { UploadView } from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { alice, appendBytes } from "../world.ts";

interface Life {
  readonly engine: Engine;
}

interface Seen {
  readonly told: Map<string, number>;
}

type Options = Parameters<typeof appendBytes>[4];
type Append = (
  life: Life,
  seen: Seen,
  view: UploadView,
  at: number,
  end: number,
  options?: Options,
) => Promise<void>;

export interface AppendWork {
  readonly append: Append;
  /** An append that brings bytes and stays, and somebody who asks where the upload ends: that answer counts. */
  readonly cutAppend: Append;
}

export function appendsOf(content: Uint8Array): AppendWork {
  const append: Append = async ({ engine }, seen, view, at, end, options = {}) => {
    const told = await appendBytes(engine, view, at, content.subarray(at, end), options);
    seen.told.set(view.id, told.offset);
  };
  return {
    append,
    async cutAppend(life, seen, view, at, end) {
      const body = createBody();
      body.push(content.subarray(at, end));
      const lost = appendBytes(life.engine, view, at, content, { body }).catch(() => undefined);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      const { offset } = await life.engine.offset(alice, view.id);
      seen.told.set(view.id, offset);
      await lost;
      await append(life, seen, view, offset, end);
    },
  };
}
