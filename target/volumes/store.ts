/**
 * Configuration database `config.db` in the data directory: SQLite in WAL mode, opened by one array at a
 * time. Every transaction is on the medium when its method returns (synchronous=FULL): rare for
 * configuration, and what APTPL and MODE SELECT with SP promise.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock, Random } from '../disk/types.js';
import { ConfigError } from './errors.js';
import { arrayIqn, newArraySerial } from './naming.js';
import { migrations } from './schema.js';
import { MarkTable } from './store-marks.js';
import { PathTables } from './store-paths.js';
import { SanitizationTable } from './store-sanitizations.js';
import { StorageTables } from './store-storage.js';
import { UnitTables } from './store-units.js';

export interface ArrayIdentity {
  /** Eight decimal digits. */
  readonly serial: string;
  /** Prefix of default target names. */
  readonly iqn: string;
  /** Milliseconds since 1970. */
  readonly created: number;
}

export class ConfigStore {
  /** Drives, parity groups, pools, LDEVs. */
  readonly storage: StorageTables;
  /** Ports, host groups, LUN paths, CHAP users. */
  readonly paths: PathTables;
  /** What logical units save: mode pages, persistent reservations. */
  readonly units: UnitTables;
  readonly marks: MarkTable;
  /** Sanitize operations of logical units. */
  readonly sanitizations: SanitizationTable;

  private constructor(
    private readonly db: Database.Database,
    readonly identity: ArrayIdentity,
  ) {
    this.storage = new StorageTables(db);
    this.paths = new PathTables(db);
    this.units = new UnitTables(db);
    this.marks = new MarkTable(db);
    this.sanitizations = new SanitizationTable(db);
  }

  /**
   * Opens the database of a data directory, which must exist; makes it at the first start.
   * Throws ConfigError `in-use`, `too-new` or `damaged`, or the system's error if the directory cannot be written.
   */
  static open(dataDir: string, parts: { clock: Clock; random: Random }): ConfigStore {
    const path = join(dataDir, 'config.db');
    makePrivate(path);
    const db = new Database(path, { timeout: 0 });
    try {
      lock(db);
      migrate(db, path);
      return new ConfigStore(db, identity(db, parts));
    } catch (error) {
      db.close();
      throw narrow(error, dataDir);
    }
  }

  /**
   * Runs `change` in one transaction: all of its statements are durable when this returns, or none happened.
   * Throws ConfigError `not-saved`, or what `change` throws.
   */
  transaction<T>(change: () => T): T {
    try {
      return this.db.transaction(change).immediate();
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error;
      throw new ConfigError('not-saved', `the configuration cannot be saved (${error.message}): nothing was changed.`, {
        cause: error,
      });
    }
  }

  close(): void {
    this.db.close();
  }
}

/**
 * CHAP secrets are for the owner's eyes only. The file is made before SQLite opens it, and an existing one
 * is not opened here: closing any descriptor of a file drops this process' locks on it (POSIX fcntl).
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    chmodSync(path, 0o600);
  }
}

/** Takes the database for this array alone, until it is closed or the process dies. */
function lock(db: Database.Database): void {
  db.pragma('locking_mode = EXCLUSIVE');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  // A secret that was changed or removed is overwritten; its last traces go with the log, when the array stops.
  db.pragma('secure_delete = ON');
  db.exec('BEGIN EXCLUSIVE; COMMIT');
}

function migrate(db: Database.Database, path: string): void {
  db.exec('CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT');
  const row = db.prepare<[], { version: number }>('SELECT coalesce(max(version), 0) AS version FROM migrations').get();
  const version = row?.version ?? 0;
  if (version > migrations.length) {
    throw new ConfigError(
      'too-new',
      `${path} has schema version ${version}; this Lunarray knows up to ${migrations.length}. ` +
        'Start the newer version, or use another data directory.',
    );
  }
  const insert = db.prepare("INSERT INTO migrations VALUES (?, datetime('now'))");
  for (let next = version; next < migrations.length; next++) {
    db.transaction(() => {
      db.exec(migrations[next]!);
      insert.run(next + 1);
    }).immediate();
  }
}

function identity(db: Database.Database, parts: { clock: Clock; random: Random }): ArrayIdentity {
  const find = db.prepare<[], ArrayIdentity>('SELECT serial, iqn, created FROM array');
  const found = find.get();
  if (found !== undefined) return found;
  const serial = newArraySerial(parts.random);
  const created = Math.floor(parts.clock.wall());
  db.prepare('INSERT INTO array VALUES (1, ?, ?, ?)').run(serial, arrayIqn(serial), created);
  return find.get()!;
}

function narrow(error: unknown, dataDir: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  if (error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED')) {
    return new ConfigError(
      'in-use',
      `another array runs on ${dataDir}: stop it, or give this one a data directory of its own.`,
      { cause: error },
    );
  }
  if (error.code.startsWith('SQLITE_CORRUPT') || error.code.startsWith('SQLITE_NOTADB')) {
    return new ConfigError(
      'damaged',
      `${join(dataDir, 'config.db')} is damaged (${error.message}): restore it from a copy, or use another data directory.`,
      { cause: error },
    );
  }
  return error;
}
