// Requests for parts, signed by the SDK: the first of an upload as a command, the others from what that one shows, at a tenth of the cost.
import { UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl, S3RequestPresigner } from "@aws-sdk/s3-request-presigner";
import { encodeBase64 } from "@holdfast/protocol";
import { type Aws, call } from "./aws-call.ts";
import type { MultipartCalls, MultipartId, SignCall } from "./calls.ts";

const CHECKSUM = "x-amz-checksum-sha256";

/** Where requests for the parts of an upload go, as a command has shown it. */
interface Known extends MultipartId {
  /** Undefined where there is more to a request than can be seen from its address. */
  readonly address: Promise<URL | undefined>;
}

export function createPartSigner(aws: Pick<Aws, "client" | "bucket">): MultipartCalls["sign"] {
  const presigner = new S3RequestPresigner(aws.client.config);
  let known: Known | undefined;

  async function find(part: SignCall): Promise<URL | undefined> {
    const now = new Date();
    const whole = await signWhole(aws, part, now);
    const address = new URL(whole);
    // Credentials may have been renewed in between; then it is a command again, the next time too.
    return (await signAt(presigner, address, part, now)) === whole ? address : undefined;
  }

  function addressOf(part: SignCall): Promise<URL | undefined> {
    const { key, uploadId } = part;
    if (known?.key !== key || known.uploadId !== uploadId) {
      const address = find(part);
      const next = { key, uploadId, address };
      known = next;
      address.catch(() => {
        if (known === next) known = undefined;
      });
    }
    return known.address;
  }

  return async (part) => {
    const address = await call(addressOf(part));
    const now = new Date();
    const signing = address ? signAt(presigner, address, part, now) : signWhole(aws, part, now);
    return { url: await call(signing), method: "PUT", headers: headersOf(part) };
  };
}

function headersOf({ sha256 }: SignCall): Readonly<Record<string, string>> {
  return { [CHECKSUM]: encodeBase64(sha256) };
}

/** In the query a digest would be signed and then overlooked: only a header is held against the body. A new set each time: the SDK adds to it. */
const termsOf = ({ expiresIn }: SignCall, signingDate: Date) => ({
  ...{ expiresIn, signingDate },
  unhoistableHeaders: new Set([CHECKSUM]),
});

function signWhole(
  { client, bucket }: Pick<Aws, "client" | "bucket">,
  part: SignCall,
  now: Date,
): Promise<string> {
  const { key, uploadId, number, size, sha256 } = part;
  const command = new UploadPartCommand({
    ...{ Bucket: bucket, Key: key, UploadId: uploadId, PartNumber: number },
    ContentLength: size,
    ChecksumSHA256: encodeBase64(sha256),
  });
  return getSignedUrl(client, command, termsOf(part, now));
}

async function signAt(
  presigner: S3RequestPresigner,
  { protocol, host, hostname, port, pathname, searchParams }: URL,
  part: SignCall,
  now: Date,
): Promise<string> {
  const asked = [...searchParams].filter(([name]) => !name.startsWith("X-Amz-"));
  const request = {
    ...{ method: "PUT", protocol, hostname, path: pathname },
    ...(port === "" ? {} : { port: Number(port) }),
    query: { ...Object.fromEntries(asked), partNumber: `${part.number}` },
    headers: { host, "content-length": `${part.size}`, ...headersOf(part) },
  };
  const { query = {} } = await presigner.presign(request, termsOf(part, now));
  const words = Object.keys(query)
    .sort()
    .map((name) => `${escaped(name)}=${escaped(String(query[name]))}`);
  return `${protocol}//${host}${pathname}?${words.join("&")}`;
}

/** As signatures want it: more than a browser would. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
