/** Where the array's own messages go. Injected, so that tests can read them and libraries can silence them. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Drops everything. */
export const silentLog: Log = { info() {}, warn() {}, error() {} };

/** One line per message on standard error: ISO time, level, message. */
export const stderrLog: Log = {
  info: (message) => line('info', message),
  warn: (message) => line('warn', message),
  error: (message) => line('error', message),
};

function line(level: string, message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${level.padEnd(5)} ${message}\n`);
}
