import { TimeoutError } from './errors.js';
import type { FullFeature } from './full-feature.js';

/** Whether the target is still there, on one connection: a silent one is pinged, and dropped if it stays silent. */
export class Liveness {
  private heard: number;
  private pinging = false;

  constructor(
    private readonly phase: FullFeature,
    /** Milliseconds of silence; 0: nothing is done about it. */
    private readonly pingIntervalMs: number,
    private heardAt: number,
  ) {
    this.heard = phase.heard;
  }

  check(now: number): void {
    const { phase, pingIntervalMs } = this;
    if (pingIntervalMs === 0) return;
    if (phase.heard !== this.heard) {
      this.heard = phase.heard;
      this.heardAt = now;
      this.pinging = false;
    } else if (now - this.heardAt > 2 * pingIntervalMs) {
      phase.drop(new TimeoutError(`the target has been silent for ${Math.round(now - this.heardAt)} ms`));
    } else if (now - this.heardAt > pingIntervalMs && !this.pinging) {
      this.pinging = true;
      phase.ping(() => {});
    }
  }
}
