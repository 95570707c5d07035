/** Table of config.db about sanitize operations that go on, or have failed. */
import type Database from 'better-sqlite3';

/** A sanitize operation (SBC-4 4.11) of one LDEV. */
export interface SavedSanitization {
  /** AUSE: EXIT FAILURE MODE is enough to leave it after a failure. */
  readonly unrestricted: boolean;
  /** Times that each block is written, or 1 for an erasure. */
  readonly passes: number;
  readonly invert: boolean;
  /** What is written, up to a block; null: blocks are erased. */
  readonly pattern: Buffer | null;
  /** Logical blocks done, in all passes together. */
  readonly blocks: number;
  readonly failed: boolean;
}

type Flat = Omit<SavedSanitization, 'unrestricted' | 'invert' | 'failed'> &
  Record<'unrestricted' | 'invert' | 'failed', number>;

/** LDEVs are given by number; rules as of `UnitTables`. */
export class SanitizationTable {
  constructor(private readonly db: Database.Database) {}

  /** Numbers of the LDEVs that have one. */
  all(): number[] {
    return this.db
      .prepare<[], number>('SELECT id FROM sanitizations JOIN ldevs ON ldev = uid WHERE NOT deleting ORDER BY id')
      .pluck()
      .all();
  }

  sanitization(ldev: number): SavedSanitization | null {
    const row = this.db
      .prepare<[number], Flat>(
        `SELECT unrestricted, passes, invert, pattern, sanitizations.blocks, failed
         FROM sanitizations JOIN ldevs ON ldev = uid WHERE id = ?`,
      )
      .get(ldev);
    if (row === undefined) return null;
    return { ...row, unrestricted: row.unrestricted !== 0, invert: row.invert !== 0, failed: row.failed !== 0 };
  }

  /** Replaces what is saved; null: it is over. */
  saveSanitization(ldev: number, saved: SavedSanitization | null): void {
    if (saved === null) {
      this.db.prepare('DELETE FROM sanitizations WHERE ldev = (SELECT uid FROM ldevs WHERE id = ?)').run(ldev);
      return;
    }
    this.db
      .prepare('INSERT OR REPLACE INTO sanitizations SELECT uid, ?, ?, ?, ?, ?, ? FROM ldevs WHERE id = ?')
      .run(
        Number(saved.unrestricted),
        saved.passes,
        Number(saved.invert),
        saved.pattern,
        saved.blocks,
        Number(saved.failed),
        ldev,
      );
  }
}
