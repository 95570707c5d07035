import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import type { Sense } from '../../wire/scsi/sense.js';
import type { PopulatedRod } from './rod/populated-rod.js';

/** How a copy source or destination answered a command. */
export interface Reply {
  readonly status: number;
  readonly sense: Sense | null;
  /** Data-in, valid until `release`, which is called exactly once. */
  readonly data: readonly Buffer[];
  readonly release: () => void;
}

/** Null: the logical unit can no longer be reached. */
export type ReplyDone = (reply: Reply | null) => void;

/**
 * A logical unit as the copy manager sees it: only through commands, so that reservations, write protection and
 * all else that a host meets is met by a copy too.
 */
export interface CopyTarget {
  /** The same object for the same logical unit, however it is reached. */
  readonly identity: object;
  /** PERIPHERAL DEVICE TYPE. */
  readonly deviceType: number;
  /** Of a stream device: the block length that is set, bytes; 0: none. */
  readonly streamBlockLength: number;
  /** Of a stream device: the longest block that it reads and writes, bytes. */
  readonly longestStreamBlock: number;
  /** Bytes per logical block. */
  readonly blockSize: number;
  /** Capacity in blocks, as it is now. */
  readonly blocks: number;
  /** Knows GET LBA STATUS and deallocates by WRITE SAME. */
  readonly thin: boolean;
  /**
   * `dataOut` is as long as the command asks for and stays as it is until `done`, which may run before this returns.
   * @returns ends the command with TASK ABORTED if it waits for others
   */
  send(cdb: Buffer, dataOut: readonly Buffer[], done: ReplyDone): () => void;
}

/** The logical unit that got the command. */
export interface OwnTarget extends CopyTarget {
  /**
   * Has a ROD add blocks when no command that changes them is under way: a command as those of `send`. The answer
   * INSUFFICIENT RESOURCES TO CREATE ROD: it could not.
   */
  populate(rod: PopulatedRod, ranges: readonly BlockRange[], done: ReplyDone): () => void;
}
