/**
 * Which test files drive other people's programs, and what they need. A file not listed here needs nothing
 * but Node. `npm test` runs those whose programs are on the PATH and names the others in its last lines.
 */
export interface PeerTest {
  /** Executables that must be found. */
  readonly programs: readonly string[];
  /** Debian packages that bring them. */
  readonly packages: readonly string[];
}

const libiscsi = { programs: ['iscsi-test-cu', 'iscsi-ls', 'iscsi-inq'], packages: ['libiscsi-bin'] };
const qemu = { programs: ['qemu-img', 'qemu-io'], packages: ['qemu-utils', 'qemu-block-extra'] };

/** By file name without `.test.ts`, in test/peers. */
export const peerTests: Readonly<Record<string, PeerTest>> = {
  'tshark-capture': { programs: ['tshark'], packages: ['tshark'] },
  conformance: libiscsi,
  'libiscsi-tools': libiscsi,
  'qemu-convert': { programs: [...qemu.programs, 'mkfs.ext4'], packages: [...qemu.packages, 'e2fsprogs'] },
  'sg-tape': { programs: ['sg_read_attr', 'sg_logs'], packages: ['sg3-utils'] },
  'tshark-groups': {
    programs: ['tshark', 'mergecap', ...libiscsi.programs],
    packages: ['tshark', ...libiscsi.packages],
  },
  'tshark-decode': { programs: ['tshark', ...libiscsi.programs], packages: ['tshark', ...libiscsi.packages] },
};
