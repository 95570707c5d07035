import { CopyPace, type CopyRate } from '../disk/raid/pace.js';
import type { Clock, DriveError } from '../disk/types.js';
import type { CopyBackDrive } from './copy-back-drive.js';

const STEP_BYTES = 2 ** 20;
const RETRY_MS = 1_000;
/** What cannot be read may be mended in the meantime, but perhaps never. */
const TRIES = 5;

/** Copies what a spare holds to the drive that it stood in for, in the background, from its beginning. */
export class CopyBack {
  #at = 0;
  #tries = 0;
  #stopped = false;
  readonly #pace: CopyPace;

  /** @param ended all is on the new drive and synced, or why that cannot be */
  constructor(
    private readonly drive: CopyBackDrive,
    private readonly bytes: number,
    private readonly clock: Clock,
    rate: Readonly<CopyRate>,
    private readonly ended: (error: DriveError | null) => void,
  ) {
    this.#pace = new CopyPace(clock, rate);
  }

  /** To be called once nothing is under way any more that is written to one of the drives only. */
  start(): void {
    this.#rest(0);
  }

  /** 0 to 1. */
  get progress(): number {
    return this.#at / this.bytes;
  }

  stop(): void {
    this.#stopped = true;
  }

  #rest(bytes: number): void {
    this.#pace.next(bytes, this.drive.operations, false, () => this.#step());
  }

  #step(): void {
    if (this.#stopped) return;
    const bytes = Math.min(STEP_BYTES, this.bytes - this.#at);
    if (bytes === 0) {
      this.drive.sync((error) => this.#end(error ?? this.drive.spoilt));
      return;
    }
    this.drive.copy(this.#at, bytes, (error) => {
      if (this.#stopped) return;
      if (this.drive.spoilt !== null) this.#end(this.drive.spoilt);
      else if (error === null) {
        this.#at += bytes;
        this.#tries = 0;
        this.#rest(bytes);
      } else if (++this.#tries < TRIES) this.clock.setTimeout(() => this.#step(), RETRY_MS);
      else this.#end(error);
    });
  }

  #end(error: DriveError | null): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.ended(error);
  }
}
