// The end of a command that has told everything itself and only has its exit code left to say.

/** Thrown by a command's action; the command line ends with the code and prints nothing more. */
export class Ended extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`ended with ${exitCode}`);
    this.name = "Ended";
    this.exitCode = exitCode;
  }
}
