/** Tables of config.db in which logical units save what must outlive the array: mode pages, reservations, names. */
import type Database from 'better-sqlite3';

/** A mode page saved by MODE SELECT with SP, without its header. */
export interface SavedModePage {
  readonly page: number;
  readonly subpage: number;
  readonly bytes: Buffer;
}

/** One I_T nexus' registration (SPC-5 5.14.7). */
export interface SavedRegistration {
  /** Name of the initiator port, as `Nexus.initiatorPort`. */
  readonly initiatorPort: string;
  /** Name of the target the nexus is with: a host group's IQN. */
  readonly targetPort: string;
  /** Relative target port identifier. */
  readonly relativeId: number;
  /** Reservation key, 64 bits. */
  readonly key: bigint;
  /** It holds the reservation. With the all-registrants types, any may be marked; the type decides. */
  readonly holder: boolean;
}

/** Persistent reservations of one LDEV after APTPL (activate persist through power loss) was set. */
export interface SavedReservations {
  /** PRGENERATION. */
  readonly generation: number;
  /** TYPE field (SPC-5 table 70); null: nothing is reserved. */
  readonly type: number | null;
  readonly registrations: readonly SavedRegistration[];
}

/**
 * LDEVs are given by number (`Ldev.id`). Each method that changes is one transaction and durable when it
 * returns. What was saved goes when the LDEV is deleted. An LDEV that does not exist has nothing saved, and
 * saving for it does nothing: its deletion has overtaken the command.
 */
export class UnitTables {
  constructor(private readonly db: Database.Database) {}

  modePages(ldev: number): SavedModePage[] {
    return this.db
      .prepare<[number], SavedModePage>(
        `SELECT page, subpage, bytes FROM mode_pages JOIN ldevs ON ldev = uid WHERE id = ? ORDER BY page, subpage`,
      )
      .all(ldev);
  }

  saveModePages(ldev: number, pages: readonly SavedModePage[]): void {
    this.changing(ldev, (uid) => {
      const put = this.db.prepare('INSERT OR REPLACE INTO mode_pages VALUES (?, ?, ?, ?)');
      for (const { page, subpage, bytes } of pages) put.run(uid, page, subpage, bytes);
    });
  }

  reservations(ldev: number): SavedReservations | null {
    const uid = this.uid(ldev);
    if (uid === undefined) return null;
    const row = this.db
      .prepare<[number], { generation: number; type: number | null }>(
        'SELECT generation, type FROM reservations WHERE ldev = ?',
      )
      .get(uid);
    if (row === undefined) return null;
    const registrations = this.db
      .prepare<[number], Omit<SavedRegistration, 'key' | 'holder'> & { key: Buffer; holder: number }>(
        `SELECT initiator_port AS initiatorPort, target_port AS targetPort, relative_id AS relativeId, key, holder
         FROM registrations WHERE ldev = ? ORDER BY initiator_port, target_port, relative_id`,
      )
      .all(uid)
      .map((each) => ({ ...each, key: each.key.readBigUInt64BE(0), holder: each.holder !== 0 }));
    return { ...row, registrations };
  }

  /** Replaces what is saved; null: APTPL is off, forget it. */
  saveReservations(ldev: number, saved: SavedReservations | null): void {
    this.changing(ldev, (uid) => {
      this.db.prepare('DELETE FROM reservations WHERE ldev = ?').run(uid);
      if (saved === null) return;
      this.db.prepare('INSERT INTO reservations VALUES (?, ?, ?)').run(uid, saved.generation, saved.type);
      const insert = this.db.prepare('INSERT INTO registrations VALUES (?, ?, ?, ?, ?, ?)');
      for (const each of saved.registrations) {
        const key = Buffer.alloc(8);
        key.writeBigUInt64BE(each.key);
        insert.run(uid, each.initiatorPort, each.targetPort, each.relativeId, key, Number(each.holder));
      }
    });
  }

  /** What SET IDENTIFYING INFORMATION set last; empty: nothing. @param type of `IdentifyingType` */
  identifyingInformation(ldev: number, type: number): Buffer {
    const row = this.db
      .prepare<[number, number], Buffer>(
        'SELECT bytes FROM identifying_information JOIN ldevs ON ldev = uid WHERE id = ? AND type = ?',
      )
      .pluck()
      .get(ldev, type);
    return row ?? Buffer.alloc(0);
  }

  saveIdentifyingInformation(ldev: number, type: number, information: Buffer): void {
    this.changing(ldev, (uid) =>
      this.db.prepare('INSERT OR REPLACE INTO identifying_information VALUES (?, ?, ?)').run(uid, type, information),
    );
  }

  private changing(ldev: number, change: (uid: number) => void): void {
    this.db
      .transaction(() => {
        const uid = this.uid(ldev);
        if (uid !== undefined) change(uid);
      })
      .immediate();
  }

  private uid(ldev: number): number | undefined {
    return this.db.prepare<[number], number>('SELECT uid FROM ldevs WHERE id = ?').pluck().get(ldev);
  }
}
