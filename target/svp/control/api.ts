/**
 * Requests of the control endpoint: HTTP with JSON bodies on the Unix socket `control.sock` (mode 0600) in the
 * data directory. Refusals are 4xx with `{ code, message }`. The `lunarray` subcommands are its users.
 */

import { type Static, Type } from '@sinclair/typebox';
import { PROTECTION_TYPES, type ProtectionType } from '../../../wire/scsi/protection.js';
import { type AccessStateName, accessStateNames } from '../../../wire/scsi/target-port-groups.js';
import type { CaptureInfo } from '../../ports/capture/capture.js';
import type { SessionInfo } from '../../ports/iscsi/stats.js';
import { MAX_TRANSITION_SECONDS } from '../../scsi/asymmetric-access.js';
import { DRIVE_KINDS } from '../../volumes/drive-kinds.js';
import { ScenarioSchema, type ScenarioState } from '../fault-scenario.js';
import { FaultRuleSchema } from '../fault-schema.js';
import { traceStatuses } from '../trace/filter.js';
import type { TraceRecord } from '../trace/record.js';

const strict = { additionalProperties: false };
const text = (max = 255) => Type.String({ minLength: 1, maxLength: max });
const Bytes = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const LdevName = Type.String({ pattern: '^[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}$' });
const Auth = Type.Union([Type.Literal('none'), Type.Literal('chap'), Type.Literal('mutual-chap')]);
const Role = Type.Union([Type.Literal('initiator'), Type.Literal('target')]);

export const LdevCreate = Type.Object(
  {
    /** The lowest free number when left out. */
    id: Type.Optional(LdevName),
    bytes: Bytes,
    label: Type.Optional(Type.String({ maxLength: 32 })),
    pool: Type.Optional(text(32)),
    blockSize: Type.Optional(Type.Union([Type.Literal(512), Type.Literal(4096)])),
    physicalBlockSize: Type.Optional(Type.Union([Type.Literal(512), Type.Literal(4096)])),
    thin: Type.Optional(Type.Boolean()),
    readOnly: Type.Optional(Type.Boolean()),
    removable: Type.Optional(Type.Boolean()),
    tape: Type.Optional(Type.Boolean()),
    protection: Type.Optional(Type.Union(PROTECTION_TYPES.map((type) => Type.Literal(type)))),
    attribute: Type.Optional(Type.Union([Type.Literal('ordinary'), Type.Literal('command-device')])),
    tier: Type.Optional(Type.Union(DRIVE_KINDS.map((kind) => Type.Literal(kind)))),
  },
  strict,
);

export const LdevExpand = Type.Object({ bytes: Bytes }, strict);

export const HostGroupCreate = Type.Object(
  {
    port: text(32),
    name: text(32),
    target: Type.Optional(text(223)),
    initiators: Type.Optional(Type.Array(text(223), { maxItems: 1024 })),
    auth: Type.Optional(Auth),
  },
  strict,
);

export const InitiatorAdd = Type.Object({ initiator: text(223) }, strict);
export const AuthSet = Type.Object({ auth: Auth }, strict);
export const LunMap = Type.Object(
  { lun: Type.Optional(Type.Integer({ minimum: 0, maximum: 16383 })), ldev: LdevName },
  strict,
);
export const UserAdd = Type.Object(
  {
    name: text(),
    secret: text(),
    role: Type.Optional(Role),
    hostGroups: Type.Optional(Type.Array(text(65), { maxItems: 1024 })),
  },
  strict,
);

/** What is left out stays. */
export const DriveSettings = Type.Object(
  {
    /** Bytes a second; null: as fast as drives and hosts let it. */
    rebuildRate: Type.Optional(Type.Union([Bytes, Type.Null()])),
    copyBack: Type.Optional(Type.Boolean()),
  },
  strict,
);

/** `logoutSeconds` left out: at once. */
export const SessionDrop = Type.Object(
  { logoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600 })) },
  strict,
);

export const DrivePredict = Type.Object({ predicted: Type.Boolean() }, strict);

/** Of all LDEVs when `ldev` is left out. */
export const AccessStateSet = Type.Object(
  {
    state: Type.Union(Object.keys(accessStateNames).map((name) => Type.Literal(name as AccessStateName))),
    ldev: Type.Optional(LdevName),
    /** The group is `transitioning` for so long first. */
    transitionSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_TRANSITION_SECONDS })),
  },
  strict,
);

/** Where hosts that log in to a port are sent: HOST:PORT. Temporarily when `permanent` is left out. */
export const RedirectionSet = Type.Object({ address: text(300), permanent: Type.Optional(Type.Boolean()) }, strict);

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const FaultAdd = FaultRuleSchema;
/** Of every LDEV, and with it scenarios, when `ldev` is left out. */
export const FaultClear = Type.Object({ ldev: Type.Optional(LdevName) }, strict);
export const ScenarioPlay = ScenarioSchema;

export const CaptureStart = Type.Object(
  {
    file: text(4096),
    port: Type.Optional(text(32)),
    initiator: Type.Optional(text(223)),
    maxSize: Type.Optional(Bytes),
    files: Type.Optional(Count),
  },
  strict,
);

export const TraceStart = Type.Object(
  {
    ldev: Type.Optional(LdevName),
    initiator: Type.Optional(text(223)),
    opcodes: Type.Optional(Type.Array(text(64), { maxItems: 256 })),
    /** Nanoseconds. */
    minLatency: Type.Optional(Count),
    status: Type.Optional(Type.Union(traceStatuses.map((status) => Type.Literal(status)))),
  },
  strict,
);

export type TraceStart = Static<typeof TraceStart>;
export type CaptureStart = Static<typeof CaptureStart>;
export type FaultAdd = Static<typeof FaultAdd>;
export type FaultClear = Static<typeof FaultClear>;
export type ScenarioPlay = Static<typeof ScenarioPlay>;
export type LdevCreate = Static<typeof LdevCreate>;
export type LdevExpand = Static<typeof LdevExpand>;
export type HostGroupCreate = Static<typeof HostGroupCreate>;
export type InitiatorAdd = Static<typeof InitiatorAdd>;
export type AuthSet = Static<typeof AuthSet>;
export type LunMap = Static<typeof LunMap>;
export type UserAdd = Static<typeof UserAdd>;
export type SessionDrop = Static<typeof SessionDrop>;
export type DrivePredict = Static<typeof DrivePredict>;
export type RedirectionSet = Static<typeof RedirectionSet>;
export type AccessStateSet = Static<typeof AccessStateSet>;
export type DriveSettings = Static<typeof DriveSettings>;

export interface LdevReply {
  readonly id: string;
  readonly label: string;
  readonly attribute: string;
  readonly pool: string;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly blocks: number;
  readonly bytes: number;
  /** Bytes of regions assigned to it. */
  readonly assigned: number;
  readonly thin: boolean;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly tape: boolean;
  /** Type of protection information; 0: none. */
  readonly protection: ProtectionType;
  /** Kind of the drives that it takes regions from; null: any. */
  readonly tier: string | null;
  readonly naa: string;
  readonly serial: string;
  /** LUN paths `CL1-A/default/0`. */
  readonly paths: readonly string[];
}

export interface HostGroupReply {
  readonly id: string;
  readonly port: string;
  readonly name: string;
  readonly target: string;
  readonly initiators: readonly string[];
  readonly auth: string;
  readonly luns: readonly { readonly lun: number; readonly ldev: string }[];
}

export interface LunReply {
  readonly url: string;
  readonly port: string;
  readonly hostGroup: string;
  readonly lun: number;
  readonly ldev: string;
  readonly capacity: string;
  readonly kind: string;
}

export interface UserReply {
  readonly name: string;
  readonly role: string;
  readonly hostGroups: readonly string[];
}

export interface PortReply {
  readonly id: string;
  readonly listen: string;
  readonly sessions: number;
  /** Where hosts that log in are sent; null: they log in here. */
  readonly redirection: { readonly address: string; readonly permanent: boolean } | null;
}

/** A target port group and its asymmetric access state. */
export interface PortGroupReply {
  readonly portGroup: number;
  readonly ports: readonly string[];
  /** Of all LDEVs but those listed. */
  readonly state: string;
  readonly ldevs: readonly { readonly ldev: string; readonly state: string }[];
}

export interface StatusReply {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly dataDir: string;
  readonly native: string;
  /** How drives are read and written: `uring` or `threads`. */
  readonly io: string;
  readonly metrics: string | null;
  readonly ports: readonly PortReply[];
  readonly ldevs: number;
  readonly cache: {
    readonly bytes: number;
    readonly dirtyBytes: number;
    readonly hitRatio: number | null;
    /** Cache sides that hold what was written, and how many are configured. */
    readonly sides: number;
    readonly sidesWanted: number;
  };
  readonly luns: readonly LunReply[];
}

/** A drive of a parity group, or a spare. */
export interface DriveReply {
  readonly name: string;
  readonly bytes: number;
  readonly kind: string;
  readonly state: string;
  /** Null: in none. */
  readonly parityGroup: string | null;
  /** Of a rebuild, 0 to 1; null: there is none. */
  readonly progress: number | null;
  /** Since the start. */
  readonly readErrors: number;
  readonly writeErrors: number;
  /** Places since the start that held something wrong, and have been mended. */
  readonly corrupt: number;
  readonly failurePredicted: boolean;
  readonly failure: string | null;
}

/** Of a parity group with redundancy. Blocks of 512 bytes, since the start. */
export interface ScrubReply {
  readonly parityGroup: string;
  readonly running: boolean;
  /** 0 to 1. */
  readonly progress: number;
  /** Ended since the group was made. */
  readonly passes: number;
  /** Found bad on a drive, and written again. */
  readonly mended: number;
  /** Of parity or copies, made right. */
  readonly checks: number;
  readonly lost: number;
}

export interface PoolReply {
  readonly name: string;
  readonly parityGroups: readonly string[];
  readonly bytes: number;
  readonly freeBytes: number;
  readonly tiers: readonly { readonly tier: string; readonly bytes: number; readonly freeBytes: number }[];
}

export interface DriveSettingsReply {
  readonly rebuildRate: number | null;
  readonly copyBack: boolean;
}

/** A copy that a host has the array make, and what became of it. */
export interface CopyReply {
  /** That got the command. */
  readonly ldev: string;
  readonly initiator: string;
  /** LIST IDENTIFIER; null: the host gave none. */
  readonly listId: number | null;
  readonly command: string;
  readonly background: boolean;
  readonly state: 'running' | 'completed' | 'failed' | 'stopped';
  readonly segmentsBegun: number;
  readonly segments: number;
  /** Written to destinations. */
  readonly bytes: number;
  /** Of these, where the source held nothing: no data moved. */
  readonly holeBytes: number;
  readonly seconds: number;
  readonly error: string | null;
}

/** A session as its port tells of it. */
export type SessionReply = SessionInfo & {
  /** `CL1-A/default`; empty for a discovery session. */
  readonly hostGroup: string;
};

/** A rule with its counters; what it leaves open is null, or what it is then. */
export interface FaultReply {
  readonly id: string;
  /** LDEV number; null: every one. */
  readonly ldev: string | null;
  /** Operations on blocks; null: it is about something else, as with the next two. */
  readonly op: string | null;
  readonly command: string | null;
  /** Task management function. */
  readonly function: string | null;
  readonly port: string | null;
  readonly lba: number | null;
  readonly blocks: number | null;
  readonly initiator: string | null;
  readonly sense: string | null;
  readonly response: string | null;
  readonly delayMs: number;
  /** Null: `delayMs` each time, or no bound. */
  readonly delayMaxMs: number | null;
  readonly delayDistribution: string | null;
  readonly delayDeviationMs: number | null;
  readonly connection: string | null;
  readonly stallMs: number | null;
  readonly probability: number;
  readonly seed: number;
  readonly skip: number;
  readonly every: number;
  readonly limit: number | null;
  readonly forMs: number | null;
  readonly hits: number;
  readonly fired: number;
}

export type ScenarioReply = ScenarioState;

export type CaptureReply = CaptureInfo;

/** A line of a trace: a command, or how many were left out since the beginning because the reader was slow. */
export type TraceLine = TraceRecord | { readonly lost: number };

/** Counters since the start, as the parts of the array count them (docs/operations.md). */
export interface StatsReply {
  readonly ports: readonly ({ readonly port: string } & Readonly<Record<string, unknown>>)[];
  readonly channelAdapters: readonly ({ readonly port: string } & Readonly<Record<string, unknown>>)[];
  readonly ldevs: readonly ({ readonly ldev: string } & Readonly<Record<string, unknown>>)[];
  readonly cache: Readonly<Record<string, unknown>>;
  readonly diskAdapter: Readonly<Record<string, unknown>>;
}
