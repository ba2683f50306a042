// The suites: quick tests beside the code, the client against a real server in its own process, stores on real services, and end-to-end tests with real processes.
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

/** Where programs that tests start leave their code compiled for the next ones: most of what a start costs is to strip types and to compile. */
const COMPILED = fileURLToPath(new URL("node_modules/.cache/holdfast-compiled", import.meta.url));

/** Tests of handlers that take long, over both adapters: for `npm test`, not for `npm run check`. */
const LONG = ["packages/server/src/http/mix.test.ts"];

/** Each of these tests starts a server, most of them on a real disk, and moves files through it. */
const TRANSFERS = [
  "packages/client/src/{upload,upload-resume,upload-trouble,download,any-file}.test.ts",
  "packages/client/src/stream/stream.test.ts",
  "packages/client/src/node/client.test.ts",
  "packages/server/src/security.test.ts",
  ...LONG,
];

/** What starts services of its own: databases, object storage, proxies. */
const SERVICES = [
  "packages/testkit/src/services/*.test.ts",
  "packages/server/src/metadata/postgres/*.test.ts",
  "e2e/services/*.test.ts",
];

/**
 * What starts servers, clients and services of its own: more than two of those at once only measure the machine. The quick tests come after them, as many at once
 * as there are cores; tests that share a turn have to agree on that number. Tests of one file go side by side where they only wait, and say so by `concurrent`.
 */
const BY_TWO = { maxWorkers: 2, maxConcurrency: 12, sequence: { groupOrder: 0 } } as const;
const BY_CORES = { sequence: { groupOrder: 1 } } as const;

const config: ViteUserConfig = defineConfig({
  test: {
    pool: "forks",
    env: { NODE_COMPILE_CACHE: COMPILED },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "packages/*/test/**/*.test.ts",
            "scripts/**/*.test.ts",
          ],
          exclude: [...TRANSFERS, ...SERVICES],
          testTimeout: 20_000,
          ...BY_CORES,
        },
      },
      {
        extends: true,
        test: {
          name: "fetch",
          include: ["packages/server/src/http/**/*.test.ts"],
          // What goes wrong below requests is the host's: framing, connections, pace of a socket.
          exclude: [
            "packages/server/src/http/{wire,body,straight,outlet,h2,h2-hostile,local-socket}.test.ts",
            "packages/server/src/http/files/outlet.test.ts",
            "packages/server/src/http/uploads/follow-many.test.ts",
            ...LONG,
          ],
          env: { HOLDFAST_TEST_ADAPTER: "fetch" },
          testTimeout: 20_000,
          ...BY_CORES,
        },
      },
      {
        extends: true,
        test: { name: "transfers", include: TRANSFERS, testTimeout: 60_000, ...BY_TWO },
      },
      {
        extends: true,
        test: {
          name: "transfers-fetch",
          include: LONG,
          env: { HOLDFAST_TEST_ADAPTER: "fetch" },
          testTimeout: 60_000,
          ...BY_TWO,
        },
      },
      {
        extends: true,
        // The first run on a machine installs what is missing.
        test: {
          name: "services",
          include: SERVICES,
          testTimeout: 60_000,
          hookTimeout: 300_000,
          ...BY_TWO,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: SERVICES,
          testTimeout: 180_000,
          hookTimeout: 60_000,
          ...BY_TWO,
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["packages/protocol/src/**", "packages/engine/src/**", "packages/client/src/*.ts"],
      exclude: ["**/*.test.ts"],
      reporter: ["text", "json-summary"],
      reportsDirectory: "coverage",
      thresholds: {
        "packages/protocol/src/**": { lines: 95 },
        "packages/engine/src/**": { lines: 95 },
        "packages/client/src/*.ts": { lines: 95 },
      },
    },
  },
});

export default config;
