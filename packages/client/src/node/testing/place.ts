// For tests: a server on a directory of its own, files to send, and what a transfer told.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Transfer, TransferEvents } from "../../events.ts";

/** A server as far as these tests care; which one, the tests say. */
export interface Server {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly port?: number;
  readonly token?: string;
}

export type Serve = (
  options: ServerOptions & {
    readonly dataDir: string;
    readonly port: number;
    readonly log: () => undefined;
  },
) => Promise<Server>;

export interface Place {
  readonly directory: string;
  readonly stateDir: string;
  path(name: string): string;
  /** Writes a file of random bytes. */
  file(name: string, size: number): { readonly path: string; readonly bytes: Buffer };
  read(name: string): Buffer;
  /** Starts the server of this place, on the same port again where one is named. */
  serve(options?: ServerOptions): Promise<Server>;
  /** Closed together with the place. */
  keep<T extends { close(): Promise<void> }>(thing: T): T;
  clear(): Promise<void>;
}

export function makePlace(serve: Serve): Place {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-client-"));
  const path = (name: string) => join(directory, name);
  const things: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(thing: T): T => {
    things.push(thing);
    return thing;
  };
  return {
    directory,
    stateDir: path("state"),
    path,
    keep,
    file(name, size) {
      const bytes = randomBytes(size);
      writeFileSync(path(name), bytes);
      return { path: path(name), bytes };
    },
    read: (name) => readFileSync(path(name)),
    serve: async (options) =>
      keep(await serve({ dataDir: path("data"), port: 0, log: () => undefined, ...options })),
    async clear() {
      for (const thing of things.reverse()) await thing.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Resolves with the next value of an event for which `is` holds. */
export function next<Name extends keyof TransferEvents>(
  transfer: Transfer,
  event: Name,
  is: (value: TransferEvents[Name]) => boolean = () => true,
): Promise<TransferEvents[Name]> {
  return new Promise((resolve) => {
    const off = transfer.on(event, (value) => {
      if (!is(value)) return;
      off();
      resolve(value);
    });
  });
}

/** Everything of one kind that a transfer tells, as it comes. */
export function record<Name extends keyof TransferEvents>(
  transfer: Transfer,
  event: Name,
): TransferEvents[Name][] {
  const values: TransferEvents[Name][] = [];
  transfer.on(event, (value) => values.push(value));
  return values;
}
