// The description of what operators ask for.
import { z } from "zod";
import { json, type Operation } from "../operation.ts";
import { Live, Ready, Sweep, Unready } from "../schemas.ts";

const live: Operation = {
  method: "GET",
  path: "/livez",
  id: "getLive",
  tag: "operations",
  summary: "The process lives",
  replies: { 200: { what: "It does", content: json(Live) } },
  errors: [],
  isPublic: true,
};

const ready: Operation = {
  method: "GET",
  path: "/readyz",
  id: "getReady",
  tag: "operations",
  summary: "Whether this server should be sent new work",
  replies: {
    200: { what: "It should", content: json(Ready) },
    503: { what: "It should not", content: json(Unready) },
  },
  errors: [],
  isPublic: true,
};

const page: Operation = {
  method: "GET",
  path: "/",
  id: "getPage",
  tag: "operations",
  summary: "A page for people",
  replies: { 200: { what: "The page", content: { type: "text/html; charset=utf-8" } } },
  errors: [],
};

const metrics: Operation = {
  method: "GET",
  path: "/metrics",
  id: "getMetrics",
  tag: "operations",
  summary: "What the server counts of itself, for Prometheus; for who administers it",
  replies: {
    200: { what: "Its text format", content: { type: "text/plain; version=0.0.4; charset=utf-8" } },
  },
  errors: [],
};

const sweep: Operation = {
  method: "POST",
  path: "/v1/sweep",
  id: "sweep",
  tag: "operations",
  summary: "Removes what has ended, or tells what would go; for who administers the server",
  query: {
    "dry-run": z.enum(["0", "1"]).optional().describe("1 does nothing and tells"),
    now: z.enum(["0", "1"]).optional().describe("1 believes a clock that has jumped"),
    unrecorded: z.enum(["0", "1"]).optional().describe("1 takes what no record knows, too"),
  },
  replies: { 200: { what: "What went, or would go", content: json(Sweep) } },
  errors: ["invalid_request"],
};

const description: Operation = {
  method: "GET",
  path: "/openapi.json",
  id: "getDescription",
  tag: "operations",
  summary: "This description",
  replies: { 200: { what: "OpenAPI 3.1", content: json(z.looseObject({ openapi: z.string() })) } },
  errors: [],
};

function head(operation: Operation, id: string): Operation {
  const bare = Object.entries(operation.replies).map(([status, { what }]) => [status, { what }]);
  return { ...operation, method: "HEAD", id, replies: Object.fromEntries(bare) };
}

export const OPS: readonly Operation[] = [
  live,
  head(live, "headLive"),
  ready,
  head(ready, "headReady"),
  page,
  head(page, "headPage"),
  metrics,
  sweep,
  description,
  head(description, "headDescription"),
];
