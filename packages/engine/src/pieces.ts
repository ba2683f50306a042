// Pieces of content on their way out. They pass several hands, and a GiB has thousands: a generator around a generator would cost each piece turns of the queue of promises in every one of them.

export type Pieces = AsyncGenerator<Uint8Array, void, void>;

/** The same pieces, asked for by `next`; whoever asks for no more ends the inner ones. */
export function handOn(pieces: Pieces, next: Pieces["next"]): Pieces {
  return {
    next,
    return: (value) => pieces.return(value),
    throw: (error) => pieces.throw(error),
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await pieces.return();
    },
  };
}
