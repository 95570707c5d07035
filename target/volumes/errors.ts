/**
 * Refusals of configuration changes. `code` is stable; `message` says in words what stands in the way and
 * what to do about it. docs and the control endpoint print `configErrorMeaning`.
 */

/** Every code and when it is given. */
export const configErrorMeaning = {
  'in-use': 'Another array runs on the data directory.',
  damaged: 'The configuration database or the shared memory cannot be read.',
  'not-saved': 'The configuration database cannot be written, for example because the disk is full.',
  'too-new': 'The data directory was written by a newer version.',
  'bad-name': 'A name has characters or a length that are not allowed.',
  'bad-number': 'A number is outside its range.',
  'bad-iscsi-name': 'Not an iSCSI name (RFC 7143 4.2.7).',
  'bad-address': 'Not HOST:PORT where a host could connect to.',
  'bad-secret': 'A CHAP secret is too short, too long or used in both directions.',
  'bad-fault': 'A fault rule asks for something that there is not.',
  'bad-tape': 'A virtual tape is too short, or is to be what only disks are.',
  'bad-capacity': 'A capacity is zero, too large, or no multiple of the block size.',
  'drive-exists': 'A drive of this name or file is already there.',
  'drive-unusable': 'The file of a drive cannot be opened.',
  'drive-unknown': 'There is no such drive.',
  'drive-kind': 'There is no such kind of drive, or a parity group would have several.',
  'drive-needed': 'Without the drive data would be lost, or it has not failed.',
  'parity-group-exists': 'A parity group of this name is already there.',
  'parity-group-unknown': 'There is no such parity group.',
  'no-redundancy': 'The parity group has no redundancy.',
  'parity-group-taken': 'The parity group already belongs to a pool.',
  'pool-exists': 'A pool of this name is already there.',
  'pool-unknown': 'There is no such pool.',
  'pool-full': 'The pool, or the tier of it, has too few free regions.',
  'tier-unknown': 'The pool has no parity group of this tier.',
  'ldev-exists': 'An LDEV of this number is already there.',
  'ldev-unknown': 'There is no such LDEV.',
  'ldev-mapped': 'The LDEV has LUN paths.',
  'ldev-deleting': 'An LDEV of this number is still being deleted.',
  'ldev-numbers-used-up': 'All 65536 LDEV numbers are taken.',
  'would-shrink': 'The new capacity is below the present one.',
  'port-exists': 'A port of this name is already there.',
  'port-unknown': 'There is no such port.',
  'port-group-unknown': 'No port is in this target port group.',
  'host-group-exists': 'The port already has a host group of this name.',
  'host-group-unknown': 'There is no such host group.',
  'host-group-has-user': 'A CHAP user is bound to this host group only.',
  'target-exists': 'Another host group of the port has this target name.',
  'initiator-exists': 'The host group already admits this initiator.',
  'initiator-unknown': 'The host group does not list this initiator.',
  'lun-taken': 'The host group already has a path at this LUN.',
  'lun-unknown': 'The host group has no path at this LUN.',
  'ldev-mapped-twice': 'The host group already has a path to this LDEV.',
  'user-exists': 'A user of this name and role is already there.',
  'user-unknown': 'There is no such user.',
  'session-unknown': 'There is no such session.',
  'fault-unknown': 'There is no such fault rule.',
  'fault-exists': 'A fault rule of this id is already there.',
  'capture-unknown': 'There is no such capture.',
  'capture-file': 'The file of a capture cannot be written, or is something else.',
  'capture-limit': 'As many captures run as may at a time.',
  'command-unknown': 'There is no such command.',
  'trace-limit': 'As many traces run as may at a time.',
} as const satisfies Readonly<Record<string, string>>;

export type ConfigErrorCode = keyof typeof configErrorMeaning;

/** A change or a start that is refused; nothing has been changed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(
    readonly code: ConfigErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
