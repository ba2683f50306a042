// What a protocol of its own says in its own way of every request and reply on its routes.
import type { Front } from "./front.ts";
import type { Dialect } from "./problem.ts";
import type { Headers } from "./reply.ts";
import type { Request } from "./request.ts";

export interface Wire {
  /** All that its addresses may be asked with. */
  readonly methods: readonly string[];
  /** On every reply, errors too. */
  readonly headers: Headers;
  /** The request as it is meant: its method may stand in a header. */
  meant(request: Request): Request;
  /** What `OPTIONS` tells of this server. */
  options(front: Front, request: Request): Promise<Headers>;
  /** @throws HoldfastError where the request is in no version that is spoken here: nothing of it is done. */
  requireSpoken(request: Request): void;
  /** How it tells of errors. */
  dialect(request: Request): Dialect;
}
