// What the server counts of itself, in the words of Prometheus. Everything that `/metrics` shows is declared here; docs/operations.md explains it.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Seconds: from a lookup to a part on a slow line. */
const REQUEST_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600];
/** Seconds: from a host's write-back cache to a disk in trouble. */
const DURABLE_SECONDS = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** What is asked when somebody looks, rather than counted when it happens. */
const GAUGES = {
  open: ["uploads_open", "Uploads that have not ended"],
  files: ["files", "Published files"],
  damaged: ["files_damaged", "Files of which stored bytes are bad"],
  room: ["storage_room_bytes", "Bytes that the storage still takes"],
  slotsLent: ["slots_lent", "Slots of memory that bodies hold now"],
  slotsWaiting: ["slots_waiting", "Requests that wait for a slot"],
} as const;

export type Gauges = Readonly<Record<keyof typeof GAUGES, number>>;

export interface Answered {
  /** The route's pattern, never the path: ids are keys, and labels are kept for ever. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
}

export interface Meter {
  /** A request has come; `answered` follows. */
  began(): void;
  answered(what: Answered): void;
  /** A request that ended with this error of the wire's table. */
  refused(code: string): void;
  wrote(bytes: number): void;
  read(bytes: number): void;
  flushed(seconds: number): void;
  /** A change to the records is durable. */
  recorded(kind: string, seconds: number): void;
  committed(parts: number): void;
  storageFailed(operation: string): void;
  readonly contentType: string;
  /** The page of all of them. */
  show(gauges: Gauges): Promise<string>;
}

export function createMeter(): Meter {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name: `holdfast_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[], ...labelNames: string[]) =>
    new Histogram({ name: `holdfast_${name}`, help, buckets, labelNames, registers });
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `holdfast_${name}`, help, registers });

  const requests = counter("requests_total", "Requests answered", "route", "method", "status");
  const seconds = histogram(
    "request_seconds",
    "From a request's headers to its reply, bodies included",
    REQUEST_SECONDS,
    "route",
  );
  const refusals = counter("refusals_total", "Requests that ended with an error", "code");
  const written = counter("storage_written_bytes_total", "Bytes of parts given to the storage");
  const readBytes = counter("storage_read_bytes_total", "Bytes read from the storage");
  const flushes = histogram("flush_seconds", "Flushes of uploads", DURABLE_SECONDS);
  const changes = histogram("change_seconds", "Durable changes", DURABLE_SECONDS, "kind");
  const parts = counter("parts_committed_total", "Parts written, flushed and recorded");
  const failures = counter("storage_failures_total", "Operations that failed", "operation");
  const gauges = new Map(
    Object.entries(GAUGES).map(([name, [metric, help]]) => [name, gauge(metric, help)]),
  );

  const inFlight = gauge("requests_in_flight", "Requests being answered");

  return {
    began: () => inFlight.inc(),
    answered({ route, method, status, seconds: took }) {
      inFlight.dec();
      requests.inc({ route, method, status });
      seconds.observe({ route }, took);
    },
    refused: (code) => refusals.inc({ code }),
    wrote: (bytes) => written.inc(bytes),
    read: (bytes) => readBytes.inc(bytes),
    flushed: (took) => flushes.observe(took),
    recorded: (kind, took) => changes.observe({ kind }, took),
    committed: (count) => parts.inc(count),
    storageFailed: (operation) => failures.inc({ operation }),
    contentType: registry.contentType,
    async show(now) {
      for (const [name, value] of Object.entries(now)) gauges.get(name)?.set(value);
      return registry.metrics();
    },
  };
}
