import { TimestampOrigin } from '../../wire/scsi/timestamp.js';
import type { Clock } from '../disk/types.js';

/**
 * The device clock of one logical unit (SPC-5 5.2). It shows the machine's time until a host sets another one, which
 * runs on through resets and ends with the array.
 */
export class DeviceClock {
  origin: number = TimestampOrigin.outside;
  /** What a host set, in milliseconds, and when: `Clock.now()`, in nanoseconds. */
  private start = 0;
  private setAt = 0;

  constructor(private readonly clock: Clock) {}

  /** Milliseconds since 1970. */
  get timestamp(): number {
    if (this.origin === TimestampOrigin.outside) return Math.floor(this.clock.wall());
    return this.start + Math.floor((this.clock.now() - this.setAt) / 1e6);
  }

  set(milliseconds: number): void {
    this.origin = TimestampOrigin.host;
    this.start = milliseconds;
    this.setAt = this.clock.now();
  }
}
