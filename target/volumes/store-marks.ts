/** Table of config.db about marked blocks. LDEVs are given by uid; marks go with the LDEV. */
import type Database from 'better-sqlite3';
import type { MarkedBlock, MarkStore } from './marked-blocks.js';

export class MarkTable implements MarkStore {
  constructor(private readonly db: Database.Database) {}

  marks(uid: number): MarkedBlock[] {
    return this.db
      .prepare<[number], { lba: number; correctionDisabled: number }>(
        'SELECT lba, correction_disabled AS correctionDisabled FROM marked_blocks WHERE ldev = ?',
      )
      .all(uid)
      .map(({ lba, correctionDisabled }) => ({ lba, correctionDisabled: correctionDisabled !== 0 }));
  }

  addMarks(uid: number, lba: number, blocks: number, correctionDisabled: boolean): void {
    const put = this.db.prepare('INSERT OR REPLACE INTO marked_blocks VALUES (?, ?, ?)');
    this.db
      .transaction(() => {
        for (let block = lba; block < lba + blocks; block++) put.run(uid, block, Number(correctionDisabled));
      })
      .immediate();
  }

  removeMarks(uid: number, lba: number, blocks: number): void {
    this.db.prepare('DELETE FROM marked_blocks WHERE ldev = ? AND lba >= ? AND lba < ?').run(uid, lba, lba + blocks);
  }
}
