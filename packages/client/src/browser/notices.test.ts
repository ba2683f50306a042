// What a person is told who looks elsewhere: how an upload ended, or that it needs them, and nothing they know.
import { HoldfastError } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ENGLISH, notify } from "./notices.ts";
import { createPageTransfer } from "./page-transfer.ts";

interface Shown {
  readonly title: string;
  readonly body: string | undefined;
  readonly tag: string | undefined;
  readonly data: unknown;
}

let shown: Shown[] = [];
const registration: Pick<ServiceWorkerRegistration, "showNotification"> = {
  async showNotification(title, { body, tag, data } = {}) {
    shown.push({ title, body, tag, data });
  },
};
const RESULT = { id: "f", url: "https://x/f", size: 1, root: "00", bytesSent: 1 };
const DONE = { ...RESULT, bytesCommitted: 1, seconds: 1, resumedBytes: 0 };

function stub(permission: NotificationPermission, visibilityState: DocumentVisibilityState): void {
  vi.stubGlobal(
    "Notification",
    Object.assign(() => undefined, { permission }),
  );
  vi.stubGlobal("document", { visibilityState });
}

function watched(registered: Promise<typeof registration | undefined>) {
  const page = createPageTransfer(() => undefined);
  notify(page.transfer, { file: "talk.mp4", texts: ENGLISH }, registered);
  return page;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  shown = [];
  vi.stubGlobal("location", { href: "https://site.example/uploads" });
  stub("granted", "hidden");
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("who looks elsewhere", () => {
  it("is told that it is done, with what leads back to the page", async () => {
    watched(Promise.resolve(registration)).complete(DONE);
    await settled();
    expect(shown).toMatchObject([
      {
        title: "talk.mp4 is uploaded",
        body: "",
        data: { holdfast: "https://site.example/uploads" },
      },
    ]);
  });

  it("is told that it is about to expire, then how it failed, in the same place", async () => {
    const page = watched(Promise.resolve(registration));
    const value = { code: "upload_ended", detail: "in 60 minutes" } as const;
    page.accept({ name: "notice", value });
    page.accept({ name: "notice", value: { code: "checkpoint_failed", detail: "no room" } });
    page.fail("failed", new HoldfastError("unauthorized", "the token has ended"));
    await settled();
    expect(shown.map(({ title, body }) => [title, body])).toEqual([
      ["talk.mp4 is not uploaded yet", "in 60 minutes"],
      ["talk.mp4 could not be uploaded", "the token has ended"],
    ]);
    expect(new Set(shown.map(({ tag }) => tag)).size).toBe(1);
  });

  it("is told once of what several tabs have shown", async () => {
    const value = { id: "u", url: "https://x/u", size: 1, isResumed: false };
    for (const page of [1, 2].map(() => watched(Promise.resolve(registration)))) {
      page.accept({ name: "created", value });
      page.complete(DONE);
    }
    await settled();
    expect(shown.map(({ tag }) => tag)).toEqual(["holdfast u", "holdfast u"]);
  });

  it("is told nothing of what they have aborted", async () => {
    watched(Promise.resolve(registration)).fail("aborted", new HoldfastError("aborted"));
    await settled();
    expect(shown).toEqual([]);
  });

  it.each([
    ["looks at the page", "granted", "visible"],
    ["has not allowed it", "default", "hidden"],
    ["has refused it", "denied", "hidden"],
  ] as const)("is told nothing where they are one who %s", async (_, permission, visibility) => {
    stub(permission, visibility);
    watched(Promise.resolve(registration)).complete(DONE);
    await settled();
    expect(shown).toEqual([]);
  });
});

describe("where the site has no service worker", () => {
  it("the page shows it itself, and is led to by a click", async () => {
    const focus = vi.fn();
    vi.stubGlobal("focus", focus);
    const made: { title: string; onclick?: () => void }[] = [];
    vi.stubGlobal(
      "Notification",
      class {
        static permission = "granted";
        onclick?: () => void;
        readonly title: string;
        constructor(title: string) {
          this.title = title;
          made.push(this);
        }
      },
    );
    watched(Promise.resolve(undefined)).complete(DONE);
    await settled();
    expect(made.map(({ title }) => title)).toEqual(["talk.mp4 is uploaded"]);
    made[0]?.onclick?.();
    expect(focus).toHaveBeenCalledOnce();
  });

  it("a browser that shows none then keeps nothing from ending", async () => {
    vi.stubGlobal(
      "Notification",
      class {
        static permission = "granted";
        constructor() {
          throw new TypeError("Illegal constructor");
        }
      },
    );
    const page = watched(Promise.resolve(undefined));
    page.complete(DONE);
    await settled();
    expect(await page.transfer.done).toEqual(DONE);
  });
});
