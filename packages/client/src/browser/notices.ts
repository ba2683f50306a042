// Tells a person who looks elsewhere how an upload ended, or that it needs them: by notifications, where they have allowed the page that.
import { type HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Transfer } from "./page-transfer.ts";
import type { NoticeData } from "./service-worker-messages.ts";

export interface Notice {
  readonly title: string;
  readonly body?: string;
}

/** What is said; in English by default. */
export interface NoticeTexts {
  readonly complete: (file: string) => Notice;
  readonly failed: (file: string, error: HoldfastError) => Notice;
  /** Its server removes it in less than an hour unless it goes on. */
  readonly expiring: (file: string, detail: string) => Notice;
}

export const ENGLISH: NoticeTexts = {
  complete: (file) => ({ title: `${file} is uploaded` }),
  failed: (file, { message }) => ({ title: `${file} could not be uploaded`, body: message }),
  expiring: (file, detail) => ({ title: `${file} is not uploaded yet`, body: detail }),
};

/** Resolves with what shows notifications, undefined where the page has no service worker. */
type Registered = Promise<Pick<ServiceWorkerRegistration, "showNotification"> | undefined>;

let lastTag = 0;

/** `file` is what a person calls it. Each upload has one notification, the latest. */
export function notify(
  { on, done }: Pick<Transfer, "on" | "done">,
  { file, texts }: { readonly file: string; readonly texts: NoticeTexts },
  registered: Registered,
): void {
  lastTag++;
  let tag = `holdfast ${performance.timeOrigin} ${lastTag}`;
  // Tabs that show the same upload have one notification together.
  on("created", ({ id }) => {
    tag = `holdfast ${id}`;
  });
  const show = (notice: Notice) => void tell(notice, tag, registered);
  on("warning", ({ code, detail }) => {
    if (code === "upload_ended") show(texts.expiring(file, detail));
  });
  done.then(
    () => show(texts.complete(file)),
    (error: unknown) => {
      // Whoever aborts it knows.
      if (isHoldfastError(error) && error.code !== "aborted") show(texts.failed(file, error));
    },
  );
}

async function tell({ title, body = "" }: Notice, tag: string, registered: Registered) {
  const isAllowed = "Notification" in globalThis && Notification.permission === "granted";
  if (!isAllowed || document.visibilityState === "visible") return;
  const data: NoticeData = { holdfast: location.href };
  try {
    const registration = await registered;
    if (registration) return await registration.showNotification(title, { body, tag, data });
    const shown = new Notification(title, { body, tag });
    shown.onclick = () => focus();
  } catch {
    // Browsers of telephones show none without a service worker. What there was to say stands in the page.
  }
}
