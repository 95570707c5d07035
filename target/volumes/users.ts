/**
 * CHAP users.
 *
 * Secrets: RFC 7143 9.2.1 forbids to go on with a login by a secret under 96 bits outside IPsec, so fewer than
 * 12 bytes are refused; 128 bytes are the most. A secret that proves initiators may not prove the array as
 * well (RFC 7143 9.2.1): whoever knows it could reflect the challenge.
 */
import { ConfigError } from './errors.js';
import type { ChapUser } from './model.js';
import type { ConfigStore } from './store.js';

const SECRET_BYTES = { minimum: 12, maximum: 128 } as const;
const NAME_BYTES = 255;
/** Printable, and nothing that a text key cannot carry. */
const NAME = /^[\x21-\x7e\u00a1-\u{10ffff}]+$/u;

export type ChapRole = ChapUser['role'];

export class Users {
  private users: readonly ChapUser[];

  constructor(
    private readonly store: ConfigStore,
    private readonly hostGroupExists: (id: number) => boolean,
  ) {
    this.users = store.paths.users();
  }

  all(): readonly ChapUser[] {
    return this.users;
  }

  find(name: string, role: ChapRole): ChapUser | undefined {
    return this.users.find((user) => user.name === name && user.role === role);
  }

  /** Throws ConfigError `bad-name`, `bad-secret`, `user-exists` or `host-group-unknown`. */
  add(user: ChapUser): ChapUser {
    if (!NAME.test(user.name) || Buffer.byteLength(user.name) > NAME_BYTES) {
      throw new ConfigError(
        'bad-name',
        `"${user.name}" is no CHAP name: use 1 to 255 printable characters, no spaces.`,
      );
    }
    if (user.role !== 'initiator' && user.role !== 'target') {
      throw new ConfigError('bad-name', `"${String(user.role)}" is no role: give initiator or target.`);
    }
    if (this.find(user.name, user.role) !== undefined) {
      throw new ConfigError('user-exists', `there is a user "${user.name}" (${user.role}) already: change its secret.`);
    }
    this.checkSecret(user);
    const unknown = user.hostGroups.find((id) => !this.hostGroupExists(id));
    if (unknown !== undefined) {
      throw new ConfigError('host-group-unknown', `there is no host group ${unknown}: create it first.`);
    }
    const added = { ...user, hostGroups: [...new Set(user.hostGroups)] };
    this.store.transaction(() => this.store.paths.insertUser(added));
    this.reload();
    return this.find(user.name, user.role)!;
  }

  /** Throws ConfigError `user-unknown` or `bad-secret`. */
  setSecret(name: string, role: ChapRole, secret: string): void {
    const user = this.get(name, role);
    this.checkSecret({ ...user, secret });
    this.store.transaction(() => this.store.paths.setSecret(name, role, secret));
    this.reload();
  }

  /** Throws ConfigError `user-unknown`. */
  remove(name: string, role: ChapRole): void {
    this.get(name, role);
    this.store.transaction(() => this.store.paths.deleteUser(name, role));
    this.reload();
  }

  /**
   * Before a host group is deleted: throws ConfigError `host-group-has-user` if a user is bound to it alone,
   * who would otherwise be left without a binding and so be let in everywhere.
   */
  checkUnbound(hostGroup: { readonly id: number; readonly name: string }): void {
    const bound = this.users.find((user) => user.hostGroups.length === 1 && user.hostGroups[0] === hostGroup.id);
    if (bound === undefined) return;
    throw new ConfigError(
      'host-group-has-user',
      `user "${bound.name}" is bound to host group "${hostGroup.name}" only: remove the user first.`,
    );
  }

  /** Takes over what the store has, after a change there. */
  reload(): void {
    this.users = this.store.paths.users();
  }

  private get(name: string, role: ChapRole): ChapUser {
    const user = this.find(name, role);
    if (user !== undefined) return user;
    throw new ConfigError(
      'user-unknown',
      `there is no user "${name}" (${role}): list the users to see which there are.`,
    );
  }

  private checkSecret(user: ChapUser): void {
    const bytes = Buffer.byteLength(user.secret);
    if (bytes < SECRET_BYTES.minimum || bytes > SECRET_BYTES.maximum) {
      throw new ConfigError(
        'bad-secret',
        `the secret of "${user.name}" has ${bytes} bytes: RFC 7143 wants ${SECRET_BYTES.minimum} and more; ` +
          `${SECRET_BYTES.maximum} at most are taken.`,
      );
    }
    const other = this.users.find((each) => each.role !== user.role && each.secret === user.secret);
    if (other !== undefined) {
      throw new ConfigError(
        'bad-secret',
        `"${other.name}" (${other.role}) has the same secret: initiators and the array must not share one (RFC 7143 9.2.1).`,
      );
    }
  }
}
