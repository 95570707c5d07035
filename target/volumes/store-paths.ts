/** Tables of config.db about ports, host groups, LUN paths and CHAP users. */
import type Database from 'better-sqlite3';
import type { AuthMethod, ChapUser, TargetPort } from './model.js';

export interface HostGroupRow {
  readonly id: number;
  readonly port: string;
  readonly name: string;
  readonly target: string;
  readonly auth: AuthMethod;
  readonly initiators: readonly string[];
  /** LUN and uid of the LDEV. */
  readonly luns: readonly { readonly lun: number; readonly uid: number }[];
}

type FlatPort = Pick<TargetPort, 'name' | 'relativeId' | 'portGroup'> & { host: string; port: number };

export class PathTables {
  constructor(private readonly db: Database.Database) {}

  ports(): TargetPort[] {
    return this.db
      .prepare<[], FlatPort>(
        'SELECT name, relative_id AS relativeId, port_group AS portGroup, host, port FROM ports ORDER BY relative_id',
      )
      .all()
      .map(({ host, port, ...rest }) => ({ ...rest, listen: { host, port } }));
  }

  insertPort(port: TargetPort): void {
    this.db
      .prepare('INSERT INTO ports VALUES (?, ?, ?, ?, ?)')
      .run(port.name, port.relativeId, port.portGroup, port.listen.host, port.listen.port);
  }

  setListen(port: string, listen: TargetPort['listen']): void {
    this.db.prepare('UPDATE ports SET host = ?, port = ? WHERE name = ?').run(listen.host, listen.port, port);
  }

  hostGroups(): HostGroupRow[] {
    const initiators = this.db
      .prepare<[number], string>('SELECT name FROM initiators WHERE host_group = ? ORDER BY name')
      .pluck();
    const luns = this.db.prepare<[number], { lun: number; uid: number }>(
      'SELECT lun, ldev AS uid FROM luns WHERE host_group = ? ORDER BY lun',
    );
    return this.db
      .prepare<[], Omit<HostGroupRow, 'initiators' | 'luns'>>(
        'SELECT id, port, name, target, auth FROM host_groups ORDER BY id',
      )
      .all()
      .map((group) => ({ ...group, initiators: initiators.all(group.id), luns: luns.all(group.id) }));
  }

  /** Returns the id. */
  insertHostGroup(group: Pick<HostGroupRow, 'port' | 'name' | 'target' | 'auth'>): number {
    const { lastInsertRowid } = this.db
      .prepare('INSERT INTO host_groups (port, name, target, auth) VALUES (?, ?, ?, ?)')
      .run(group.port, group.name, group.target, group.auth);
    return Number(lastInsertRowid);
  }

  /** With its initiators, LUN paths, and bindings of users. */
  deleteHostGroup(id: number): void {
    this.db.prepare('DELETE FROM chap_user_host_groups WHERE host_group = ?').run(id);
    this.db.prepare('DELETE FROM host_groups WHERE id = ?').run(id);
  }

  setAuth(id: number, auth: AuthMethod): void {
    this.db.prepare('UPDATE host_groups SET auth = ? WHERE id = ?').run(auth, id);
  }

  insertInitiator(hostGroup: number, name: string): void {
    this.db.prepare('INSERT INTO initiators VALUES (?, ?)').run(hostGroup, name);
  }

  deleteInitiator(hostGroup: number, name: string): void {
    this.db.prepare('DELETE FROM initiators WHERE host_group = ? AND name = ?').run(hostGroup, name);
  }

  insertLun(hostGroup: number, lun: number, uid: number): void {
    this.db.prepare('INSERT INTO luns VALUES (?, ?, ?)').run(hostGroup, lun, uid);
  }

  deleteLun(hostGroup: number, lun: number): void {
    this.db.prepare('DELETE FROM luns WHERE host_group = ? AND lun = ?').run(hostGroup, lun);
  }

  users(): ChapUser[] {
    const groups = this.db
      .prepare<[number], number>('SELECT host_group FROM chap_user_host_groups WHERE user = ? ORDER BY host_group')
      .pluck();
    return this.db
      .prepare<[], Omit<ChapUser, 'hostGroups'> & { id: number }>(
        'SELECT id, name, role, secret FROM chap_users ORDER BY name, role',
      )
      .all()
      .map(({ id, ...user }) => ({ ...user, hostGroups: groups.all(id) }));
  }

  insertUser(user: ChapUser): void {
    const { lastInsertRowid } = this.db
      .prepare('INSERT INTO chap_users (name, role, secret) VALUES (?, ?, ?)')
      .run(user.name, user.role, user.secret);
    const bind = this.db.prepare('INSERT INTO chap_user_host_groups VALUES (?, ?)');
    for (const hostGroup of user.hostGroups) bind.run(lastInsertRowid, hostGroup);
  }

  setSecret(name: string, role: ChapUser['role'], secret: string): void {
    this.db.prepare('UPDATE chap_users SET secret = ? WHERE name = ? AND role = ?').run(secret, name, role);
  }

  deleteUser(name: string, role: ChapUser['role']): void {
    this.db.prepare('DELETE FROM chap_users WHERE name = ? AND role = ?').run(name, role);
  }
}
