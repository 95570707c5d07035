/** Tables of config.db about drives, parity groups, pools and LDEVs. */
import type Database from 'better-sqlite3';
import type { ProtectionType } from '../../wire/scsi/protection.js';
import type { MemberState } from '../disk/raid/members.js';
import type { RaidLevel } from '../disk/types.js';
import type { DriveKind } from './drive-kinds.js';
import type { LdevAttribute } from './model.js';

export interface DriveRow {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly kind: DriveKind;
}

/** A drive of a parity group. */
export interface MemberRow extends DriveRow {
  readonly state: MemberState;
  /** Stripes; of a drive being rebuilt. */
  readonly rebuilt: number;
}

/** A drive of no parity group. */
export interface SpareRow extends DriveRow {
  /** `copy-back`: what stood in for it is being copied to it. */
  readonly state: 'spare' | 'failed' | 'copy-back';
}

export interface ParityGroupRow {
  /** Never used again. */
  readonly id: number;
  readonly name: string;
  readonly level: RaidLevel;
  readonly stripeBytes: number | null;
  readonly pool: string | null;
  /** In the order of the address space. */
  readonly drives: readonly MemberRow[];
}

export interface LdevRow {
  /** Never used again; names the LDEV in cache memory and shared memory. */
  readonly uid: number;
  readonly id: number;
  readonly label: string;
  readonly attribute: LdevAttribute;
  readonly pool: string;
  readonly blockSize: 512 | 4096;
  readonly physicalBlockSize: 512 | 4096;
  readonly blocks: number;
  readonly thin: boolean;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly tape: boolean;
  readonly protection: ProtectionType;
  /** A format that changes `protection` has begun and not ended. */
  readonly unformatted: boolean;
  /** Kind of the drives that it takes regions from; null: any. */
  readonly tier: DriveKind | null;
  /** Deletion has begun and its regions are not all given back. */
  readonly deleting: boolean;
}

/** A parity group to be made; its drives are good. */
export type NewParityGroup = Omit<ParityGroupRow, 'id' | 'pool' | 'drives'> & { readonly drives: readonly DriveRow[] };

/** Columns that SQLite keeps as numbers. */
type Flag = 'thin' | 'readOnly' | 'removable' | 'tape' | 'unformatted' | 'deleting';
type FlatLdev = Omit<LdevRow, Flag> & Record<Flag, number>;

export class StorageTables {
  constructor(private readonly db: Database.Database) {}

  pools(): string[] {
    return this.db.prepare<[], string>('SELECT name FROM pools ORDER BY name').pluck().all();
  }

  insertPool(name: string): void {
    this.db.prepare('INSERT INTO pools VALUES (?)').run(name);
  }

  parityGroups(): ParityGroupRow[] {
    const drives = this.db.prepare<[number], MemberRow>(
      'SELECT name, path, bytes, kind, state, rebuilt FROM drives WHERE parity_group = ? ORDER BY position',
    );
    return this.db
      .prepare<[], Omit<ParityGroupRow, 'drives'>>(
        'SELECT id, name, level, stripe_bytes AS stripeBytes, pool FROM parity_groups ORDER BY id',
      )
      .all()
      .map((group) => ({ ...group, drives: drives.all(group.id) }));
  }

  /** Inserts the group and its drives; returns its id. */
  insertParityGroup(group: NewParityGroup): number {
    const { lastInsertRowid } = this.db
      .prepare('INSERT INTO parity_groups (name, level, stripe_bytes) VALUES (?, ?, ?)')
      .run(group.name, group.level, group.stripeBytes);
    const insert = this.db.prepare(
      'INSERT INTO drives (name, path, bytes, kind, parity_group, position) VALUES (?, ?, ?, ?, ?, ?)',
    );
    for (const [position, drive] of group.drives.entries()) {
      insert.run(drive.name, drive.path, drive.bytes, drive.kind, lastInsertRowid, position);
    }
    return Number(lastInsertRowid);
  }

  setMember(group: number, position: number, state: MemberState, rebuilt: number): void {
    this.db
      .prepare('UPDATE drives SET state = ?, rebuilt = ? WHERE parity_group = ? AND position = ?')
      .run(state, rebuilt, group, position);
  }

  /** Another drive of the same kind takes a place in a parity group. */
  setMemberDrive(group: number, position: number, { name, path, bytes }: Omit<DriveRow, 'kind'>): void {
    this.db
      .prepare('UPDATE drives SET name = ?, path = ?, bytes = ?, predicted = 0 WHERE parity_group = ? AND position = ?')
      .run(name, path, bytes, group, position);
  }

  /** Names of drives that are predicted to fail. */
  predictedDrives(): string[] {
    return this.db.prepare<[], string>('SELECT name FROM drives WHERE predicted').pluck().all();
  }

  /** Of a drive of a parity group. */
  setPredicted(name: string, predicted: boolean): void {
    this.db.prepare('UPDATE drives SET predicted = ? WHERE name = ?').run(Number(predicted), name);
  }

  /** Drives of no parity group. */
  spares(): SpareRow[] {
    return this.db.prepare<[], SpareRow>('SELECT name, path, bytes, kind, state FROM spare_drives ORDER BY name').all();
  }

  /** Adds the drive, or changes what is known of it. */
  putSpare({ name, path, bytes, kind, state }: SpareRow): void {
    this.db
      .prepare('INSERT OR REPLACE INTO spare_drives (name, path, bytes, kind, state) VALUES (?, ?, ?, ?, ?)')
      .run(name, path, bytes, kind, state);
  }

  removeSpare(name: string): void {
    this.db.prepare('DELETE FROM spare_drives WHERE name = ?').run(name);
  }

  /** A setting of the array; undefined: nobody has set it. */
  setting(name: string): unknown {
    const value = this.db.prepare<[string], string>('SELECT value FROM settings WHERE name = ?').pluck().get(name);
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** @param value as JSON has it */
  putSetting(name: string, value: unknown): void {
    this.db.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)').run(name, JSON.stringify(value));
  }

  assignParityGroup(id: number, pool: string): void {
    this.db.prepare('UPDATE parity_groups SET pool = ? WHERE id = ?').run(pool, id);
  }

  /** Those being deleted too. */
  ldevs(): LdevRow[] {
    return this.db
      .prepare<[], FlatLdev>(
        `SELECT uid, id, label, attribute, pool, block_size AS blockSize, physical_block_size AS physicalBlockSize, blocks, thin,
                read_only AS readOnly, removable, tape, protection, unformatted, tier, deleting
         FROM ldevs ORDER BY id`,
      )
      .all()
      .map((row) => ({
        ...row,
        thin: row.thin !== 0,
        readOnly: row.readOnly !== 0,
        removable: row.removable !== 0,
        tape: row.tape !== 0,
        unformatted: row.unformatted !== 0,
        deleting: row.deleting !== 0,
      }));
  }

  /** Returns the uid. */
  insertLdev(ldev: Omit<LdevRow, 'uid' | 'unformatted' | 'deleting'>): number {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO ldevs
           (id, label, attribute, pool, block_size, physical_block_size, blocks, thin, read_only, removable, tape,
            protection, tier)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        ldev.id,
        ldev.label,
        ldev.attribute,
        ldev.pool,
        ldev.blockSize,
        ldev.physicalBlockSize,
        ldev.blocks,
        Number(ldev.thin),
        Number(ldev.readOnly),
        Number(ldev.removable),
        Number(ldev.tape),
        ldev.protection,
        ldev.tier,
      );
    return Number(lastInsertRowid);
  }

  setBlocks(uid: number, blocks: number): void {
    this.db.prepare('UPDATE ldevs SET blocks = ? WHERE uid = ?').run(blocks, uid);
  }

  setUnformatted(uid: number): void {
    this.db.prepare('UPDATE ldevs SET unformatted = 1 WHERE uid = ?').run(uid);
  }

  setFormatted(uid: number, protection: ProtectionType): void {
    this.db.prepare('UPDATE ldevs SET unformatted = 0, protection = ? WHERE uid = ?').run(protection, uid);
  }

  setAttribute(uid: number, attribute: LdevAttribute): void {
    this.db.prepare('UPDATE ldevs SET attribute = ? WHERE uid = ?').run(attribute, uid);
  }

  setLabel(uid: number, label: string): void {
    this.db.prepare('UPDATE ldevs SET label = ? WHERE uid = ?').run(label, uid);
  }

  setReadOnly(uid: number, readOnly: boolean): void {
    this.db.prepare('UPDATE ldevs SET read_only = ? WHERE uid = ?').run(Number(readOnly), uid);
  }

  setDeleting(uid: number): void {
    this.db.prepare('UPDATE ldevs SET deleting = 1 WHERE uid = ?').run(uid);
  }

  deleteLdev(uid: number): void {
    this.db.prepare('DELETE FROM ldevs WHERE uid = ?').run(uid);
  }
}
