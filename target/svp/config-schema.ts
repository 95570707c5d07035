/**
 * Shape of the configuration file (`lunarray serve --config FILE`, and `config` of startArray).
 * docs/configuration.md is generated from it.
 */

import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { PROTECTION_TYPES } from '../../wire/scsi/protection.js';
import { DEFAULT_KIND, DRIVE_KINDS } from '../volumes/drive-kinds.js';
import { FaultRuleSchema } from './fault-schema.js';

const strict = { additionalProperties: false };
const name = (description: string) => Type.String({ description, pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$' });
/** Bytes as a number, or a text such as `10G`. */
const size = (description: string, extra = {}) =>
  Type.Unsafe<string | number>({ type: ['string', 'integer'], format: 'size', minimum: 1, description, ...extra });

const DriveSchema = Type.Object(
  {
    id: name('Name of the drive; its sparse file is `drives/<id>` in the data directory.'),
    capacity: size('Size of the drive. The file is sparse: it uses only what has been written.'),
    kind: Type.Optional(
      Type.Union(
        DRIVE_KINDS.map((kind) => Type.Literal(kind)),
        {
          description:
            'Kind of drive: the tier of its parity group, whose drives are of one kind, and what hosts are told of rotation ' +
            'and form factor. It is no faster or slower for it.',
          default: DEFAULT_KIND,
        },
      ),
    ),
    direct: Type.Optional(
      Type.Boolean({
        description:
          'Past the page cache of the machine (O_DIRECT): what was read or written takes no memory beside the cache, and ' +
          'what is read again is read from the medium. Refused where the file system or the kernel cannot.',
        default: false,
      }),
    ),
  },
  strict,
);

const ParityGroupSchema = Type.Object(
  {
    id: name('Name of the parity group.'),
    level: Type.Union(
      [
        Type.Literal('plain'),
        Type.Literal('raid0'),
        Type.Literal('raid1+0'),
        Type.Literal('raid5'),
        Type.Literal('raid6'),
      ],
      {
        description:
          '`plain`: one drive. `raid0`: striped over two or more drives. `raid1+0`: striped over pairs of drives that ' +
          'hold the same. `raid5`: one drive’s worth of parity, 3 to 16 drives (3D+1P, 7D+1P). `raid6`: two, 4 to 16 ' +
          'drives (6D+2P).',
      },
    ),
    drives: Type.Array(name('Drive id.'), { minItems: 1, maxItems: 64, description: 'Its drives.' }),
    stripe: Type.Optional(size('Stripe unit of all levels but `plain`, a multiple of 16K.', { default: '64K' })),
    checksums: Type.Optional(
      Type.Boolean({
        description:
          'Each block of the drives has a checksum, kept in a file of its own: what a drive holds wrong is found when it ' +
          'is read, or by the weekly scrub, and is worked out of the other drives and written again. Of `raid1+0`, `raid5` ' +
          'and `raid6`. Decided when the group is made.',
        default: true,
      }),
    ),
  },
  strict,
);

const PoolSchema = Type.Object(
  {
    id: name('Name of the pool.'),
    parityGroups: Type.Array(name('Parity group id.'), {
      minItems: 1,
      maxItems: 64,
      description: 'Parity groups whose regions it hands out.',
    }),
  },
  strict,
);

const LdevSchema = Type.Object(
  {
    id: Type.String({ format: 'ldev', description: 'LDEV number `CU:LDEV`, hexadecimal.' }),
    capacity: size('Capacity, a multiple of the (physical) block size.'),
    label: Type.Optional(Type.String({ maxLength: 32, description: 'Free text.', default: '' })),
    pool: Type.Optional(name('Pool it takes regions from; the only pool when left out.')),
    tier: Type.Optional(
      Type.Union(
        DRIVE_KINDS.map((kind) => Type.Literal(kind)),
        { description: 'Kind of the drives that it takes regions from, which the pool must have; any when left out.' },
      ),
    ),
    blockSize: Type.Optional(
      Type.Union([Type.Literal(512), Type.Literal(4096)], { description: 'Bytes per logical block.', default: 512 }),
    ),
    physicalBlockSize: Type.Optional(
      Type.Union([Type.Literal(512), Type.Literal(4096)], {
        description:
          'Bytes per physical block, told to hosts; 4096 over blocks of 512 is "512e". `blockSize` when left out, and never less.',
      }),
    ),
    thin: Type.Optional(
      Type.Boolean({ description: 'Regions are assigned on first write; otherwise at creation.', default: true }),
    ),
    attribute: Type.Optional(
      Type.Union([Type.Literal('ordinary'), Type.Literal('command-device')], {
        description: 'What it is for.',
        default: 'ordinary',
      }),
    ),
    readOnly: Type.Optional(Type.Boolean({ description: 'Hosts may not write.', default: false })),
    protection: Type.Optional(
      Type.Union(
        PROTECTION_TYPES.map((type) => Type.Literal(type)),
        {
          description:
            'Type of protection information (SBC-4 4.21) that it is made with, 0 for none. Hosts can change it by FORMAT UNIT.',
          default: 0,
        },
      ),
    ),
    removable: Type.Optional(
      Type.Boolean({
        description:
          'Hosts may eject and load its medium (START STOP UNIT) and prevent that (PREVENT ALLOW MEDIUM REMOVAL). When ' +
          'the array starts the medium is loaded, whatever it was before.',
        default: false,
      }),
    ),
    tape: Type.Optional(
      Type.Boolean({
        description:
          'A virtual tape: hosts see a sequential-access device (SSC-5). Block sizes, `attribute` and `protection` are for ' +
          'disks only; its medium is removable in any case.',
        default: false,
      }),
    ),
  },
  strict,
);

const PortSchema = Type.Object(
  {
    id: name('Name of the port, as `CL1-A`.'),
    listen: Type.String({ format: 'address', description: 'HOST:PORT; port 0 takes any free one.' }),
    portGroup: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 65535, description: 'Target port group (ALUA).', default: 1 }),
    ),
  },
  strict,
);

const HostGroupSchema = Type.Object(
  {
    port: name('Port it belongs to.'),
    name: name('Name of the group, unique on its port.'),
    target: Type.Optional(
      Type.String({ format: 'iscsi-name', description: 'Target IQN; made from port and name when left out.' }),
    ),
    initiators: Type.Optional(
      Type.Array(Type.String({ format: 'initiator', description: 'Initiator IQN, or `*`.' }), {
        maxItems: 1024,
        description: 'Initiators it admits; `*` admits any.',
        default: ['*'],
      }),
    ),
    auth: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('chap'), Type.Literal('mutual-chap')], {
        description: 'How initiators prove themselves.',
        default: 'none',
      }),
    ),
    luns: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[0-9]{1,5}$' }),
        Type.String({ format: 'ldev', description: 'LDEV number.' }),
        { ...strict, description: 'LUN paths: LUN (0…16383) to LDEV.', default: {} },
      ),
    ),
  },
  strict,
);

const UserSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255, description: 'CHAP name.' }),
    secret: Type.String({ minLength: 12, maxLength: 128, description: 'CHAP secret, 12 to 128 bytes.' }),
    role: Type.Optional(
      Type.Union([Type.Literal('initiator'), Type.Literal('target')], {
        description: '`initiator`: proves who logs in. `target`: the array proves itself with it (mutual CHAP).',
        default: 'initiator',
      }),
    ),
    hostGroups: Type.Optional(
      Type.Array(Type.String({ pattern: '^[^/]+/[^/]+$' }), {
        description: 'Host groups `PORT/NAME` it is for; every one when empty.',
        default: [],
      }),
    ),
  },
  strict,
);

/** A list that may be left out; `absent` says what there is then. */
function list<T extends TSchema>(items: T, minItems: number, maxItems: number, description: string, absent: string) {
  return Type.Optional(Type.Array(items, { minItems, maxItems, description: `${description} Left out: ${absent}.` }));
}

export const ConfigSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'Ignored; for editors.' })),
    cache: Type.Optional(
      size('Size of the cache memory, from 16M to all of the machine’s memory.', { default: '256M' }),
    ),
    cacheDuplex: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description:
          'Directory, best on another disk, for a second side of the cache memory, which holds the same written data: ' +
          'losing one side loses nothing. Not made; relative to the data directory. `off`: one side only.',
        default: 'off',
      }),
    ),
    polling: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100_000,
        description: 'Microseconds to keep polling for more work after I/O; 0 waits in the kernel at once.',
        default: 200,
      }),
    ),
    http: Type.Optional(
      Type.String({ format: 'http', description: 'HOST:PORT of `/metrics`, or `off`.', default: '127.0.0.1:9326' }),
    ),
    discoveryAuth: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('chap'), Type.Literal('mutual-chap')], {
        description:
          'What an initiator has to prove before it is told of targets; any CHAP user of role `initiator` will do. ' +
          'What it proves to log in to a target is up to the host group.',
        default: 'none',
      }),
    ),
    rebuildRate: Type.Optional(
      size(
        'Bytes a second, from 1M, with which each drive is rebuilt at most, or `max`: as fast as drives and hosts let it. ' +
          'Hosts come first at any rate.',
        { format: 'rate', default: 'max' },
      ),
    ),
    hostTimeout: Type.Optional(
      Type.Integer({
        minimum: 4,
        maximum: 3600,
        description:
          'Seconds of silence after which the connection of a host is given up; after half of them it is pinged.',
        default: 30,
      }),
    ),
    errorRecoveryLevel: Type.Optional(
      Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)], {
        description: 'ErrorRecoveryLevel of iSCSI sessions at most; what an initiator offers less of holds.',
        default: 2,
      }),
    ),
    maxConnections: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 4,
        description: 'Connections of an iSCSI session at most; what an initiator offers less of holds.',
        default: 4,
      }),
    ),
    sanitizeRate: Type.Optional(
      size(
        'Bytes a second that a sanitize operation (SANITIZE) overwrites at most, or `max`: as fast as drives and hosts let it.',
        { format: 'rate', default: 'max' },
      ),
    ),
    copyBack: Type.Optional(
      Type.Boolean({
        description:
          'When a failed drive is replaced, the data of the spare that stands in for it is copied back, and the spare is ' +
          'one again. Otherwise the new drive is the next spare.',
        default: true,
      }),
    ),
    drives: list(DriveSchema, 1, 256, 'Drives: sparse files.', 'two of 8T'),
    spares: list(
      DriveSchema,
      0,
      64,
      'Drives that take the place of one that fails, in any parity group whose drives are of their kind and no larger.',
      'none',
    ),
    parityGroups: list(ParityGroupSchema, 1, 64, 'Drives joined by RAID.', 'one of `raid0` over all drives'),
    pools: list(PoolSchema, 1, 64, 'Space that LDEVs are made from.', 'one of all parity groups'),
    ldevs: list(LdevSchema, 0, 4096, 'Logical devices.', 'the six in [cli.md](cli.md#what-the-first-start-makes)'),
    ports: list(PortSchema, 1, 64, 'iSCSI ports.', '`CL1-A` on 127.0.0.1:3260, `CL2-A` on 127.0.0.1:3261'),
    hostGroups: list(
      HostGroupSchema,
      0,
      1024,
      'Who sees which LDEV, on which port.',
      '`default` on each port: any initiator, every LDEV, LUN 0 and up',
    ),
    users: list(UserSchema, 0, 4096, 'CHAP users.', 'none'),
    faults: list(
      FaultRuleSchema,
      0,
      1024,
      'Fault rules in force from each start with this file ([fault-injection.md](fault-injection.md)).',
      'none',
    ),
  },
  { ...strict, title: 'Lunarray configuration' },
);

/** The configuration file's content. What is left out takes the defaults in the schema. */
export type ConfigInput = Static<typeof ConfigSchema>;
/** The configuration with every list in it (`completeConfig`). */
export type ArrayConfig = ConfigInput & Required<Pick<ConfigInput, ListName>>;
export type ListName = 'drives' | 'parityGroups' | 'pools' | 'ldevs' | 'ports' | 'hostGroups' | 'users';
export type LdevConfig = Static<typeof LdevSchema>;
export type HostGroupConfig = Static<typeof HostGroupSchema>;
export type PortConfig = Static<typeof PortSchema>;
export type UserConfig = Static<typeof UserSchema>;
export type ParityGroupConfig = Static<typeof ParityGroupSchema>;
