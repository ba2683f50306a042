// Create, complete and status: every vector, and anything else.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import { encodeHex } from "./hex.ts";
import {
  type CompleteRequest,
  decodeComplete,
  decodeCreate,
  decodeFile,
  decodeUpload,
  encodeComplete,
  encodeCreate,
  encodeFile,
  encodeUpload,
} from "./upload.ts";

const requests = loadVectors<{
  create: {
    good: { body: string; request: object & { metadata: [string, string][] } }[];
    bad: { body: string; field: string }[];
  };
  complete: { good: { body: string; request: object }[]; bad: { body: string; field: string }[] };
}>("requests.json");

const uploads = loadVectors<{
  good: { upload: Record<string, unknown> }[];
  bad: { upload: unknown; why: string }[];
}>("uploads.json");

function overTheWire(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe("create", () => {
  it.each(requests.create.good)("takes $body", ({ body, request }) => {
    const decoded = decodeCreate(JSON.parse(body));
    const { sha256, metadata, ...plain } = decoded;
    const digest = sha256 ? { sha256: encodeHex(sha256) } : {};
    expect({ ...plain, ...digest, metadata: [...metadata] }).toEqual(request);
    expect(decodeCreate(overTheWire(encodeCreate(decoded)))).toEqual(decoded);
  });

  it.each(requests.create.bad)("refuses $body because of $field", ({ body, field }) => {
    const refusal = refusalOf(() => decodeCreate(JSON.parse(body)));
    expect(refusal).toEqual({ code: "invalid_request", field });
  });

  it("leaves no trace on any prototype", () => {
    const body = '{"__proto__":{"name":"a"},"metadata":{"__proto__":"x"}}';
    expect(refusalOf(() => decodeCreate(JSON.parse(body)))?.field).toBe("name");
    expect("x" in {}).toBe(false);
  });
});

describe("complete", () => {
  it.each(requests.complete.good)("takes $body", ({ body, request }) => {
    const decoded: CompleteRequest = decodeComplete(JSON.parse(body));
    const { root, sha256, ...plain } = decoded;
    const digests = {
      ...(root ? { root: encodeHex(root) } : {}),
      ...(sha256 ? { sha256: encodeHex(sha256) } : {}),
    };
    expect({ ...plain, ...digests }).toEqual(request);
    expect(decodeComplete(overTheWire(encodeComplete(decoded)))).toEqual(decoded);
  });

  it.each(requests.complete.bad)("refuses $body because of $field", ({ body, field }) => {
    const refusal = refusalOf(() => decodeComplete(JSON.parse(body)));
    expect(refusal).toEqual({ code: "invalid_request", field });
  });
});

describe("status", () => {
  it.each(uploads.good)("is read and written again as it was", ({ upload }) => {
    const decoded = decodeUpload(upload);
    expect(decodeUpload(overTheWire(encodeUpload(decoded)))).toEqual(decoded);
    const isShort = Object.hasOwn(Object(upload["committed"]), "ranges");
    if (isShort) expect(overTheWire(encodeUpload(decoded))).toEqual(upload);
  });

  it.each(uploads.bad)("does not believe $why", ({ upload }) => {
    expect(refusalOf(() => decodeUpload(upload))?.code).toBe("invalid_request");
  });

  it("throws nothing but HoldfastErrors, whatever one member holds", () => {
    const [first] = uploads.good.slice(1);
    const upload = first?.upload ?? {};
    const anything = fc.oneof(fc.jsonValue(), fc.double(), fc.bigInt(), fc.constant(undefined));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(upload)), anything, (member, value) => {
        refusalOf(() => decodeUpload({ ...upload, [member]: value }));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("file", () => {
  it("comes back as it was written", () => {
    const file = {
      id: "qaaaaaaaaaaaaaaaaaaaaaaaaa",
      url: "/v1/files/x",
      size: 7,
      root: "ab".repeat(32),
    };
    expect(overTheWire(encodeFile(decodeFile(file)))).toEqual(file);
    const proved = { ...file, sha256: "cd".repeat(32) };
    expect(overTheWire(encodeFile(decodeFile(proved)))).toEqual(proved);
    expect(refusalOf(() => decodeFile({ ...file, sha256: "cd" }))?.field).toBe("sha256");
  });
});

describe("all of them", () => {
  it("throw nothing but HoldfastErrors at anything", () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.anything(),
      fc.record({ name: fc.anything(), size: fc.anything(), metadata: fc.anything() }),
    );
    fc.assert(
      fc.property(anything, (value) => {
        for (const decode of [decodeCreate, decodeComplete, decodeUpload, decodeFile])
          expect(refusalOf(() => decode(value))?.code ?? "invalid_request").toBe("invalid_request");
      }),
      { numRuns: 1000 },
    );
  });
});
