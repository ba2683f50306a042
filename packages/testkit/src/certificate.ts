// Certificates for tests: made by openssl, signed by themselves, for this machine's names.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Files `NAME.crt` and `NAME.key` in `directory`. Needs openssl. */
export async function makeCertificate(directory: string, name: string): Promise<TestCertificate> {
  const [cert, key] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const files = ["-keyout", key, "-out", cert];
  await promisify(execFile)("openssl", [
    "req",
    "-x509",
    ...curve,
    "-days",
    "90",
    ...names,
    ...files,
  ]);
  return { cert, key };
}
