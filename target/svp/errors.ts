/** Reasons for which the array does not start or a command fails, with the exit code of each (docs/cli.md). */
export const ExitCode = {
  'internal-error': 1,
  usage: 2,
  'bad-config': 3,
  'port-busy': 4,
  'data-unusable': 5,
  'data-in-use': 6,
  'no-space': 7,
  'not-running': 8,
  refused: 9,
} as const;

export type FailureCode = keyof typeof ExitCode;

/** What each exit code means; docs/cli.md prints it. */
export const exitCodeMeaning: Readonly<Record<FailureCode, string>> = {
  'internal-error': 'A mistake in Lunarray; please report it.',
  usage: 'Wrong option or argument.',
  'bad-config': 'The configuration file was refused; the message gives the field.',
  'port-busy': 'An address to listen on is in use or not of this machine.',
  'data-unusable': 'The data directory cannot be made, read or written, or its content is damaged.',
  'data-in-use': 'Another array runs on the data directory.',
  'no-space': 'The disk has no room for the cache memory, the configuration or what is printed.',
  'not-running': 'No array runs on the data directory.',
  refused: 'The array refused the command; the message tells why.',
};

/** One line for the user: what is wrong and the way out. */
export class ArrayError extends Error {
  override readonly name = 'ArrayError';

  constructor(
    readonly code: FailureCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
