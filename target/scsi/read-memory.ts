import type { Nexus } from './nexus.js';

/** A read that needs memory; one object is one request. */
export interface ReadRequest {
  readonly nexus: Nexus;
  readonly bytes: number;
  /** Runs if it had to wait. */
  readonly granted: () => void;
}

const NEXUS_BYTES = 64 * 1024 * 1024;
const TOTAL_BYTES = 256 * 1024 * 1024;

/**
 * Memory of the array for data of reads that is not in the cache: copies, which are there until their host has taken
 * them. Whoever takes nothing waits alone: each I_T nexus has a share, and one read of it is always let in.
 */
export class ReadMemory {
  private used = 0;
  private readonly byNexus = new Map<Nexus, number>();
  /** In the order of their arrival. */
  private waiting: ReadRequest[] = [];
  private granting = false;

  constructor(
    private readonly total = TOTAL_BYTES,
    private readonly share = NEXUS_BYTES,
  ) {}

  /** True: granted. False: `granted` will run. */
  take(request: ReadRequest): boolean {
    const behind = this.waiting.some(({ nexus }) => nexus === request.nexus);
    if (behind || !this.fits(request)) {
      this.waiting.push(request);
      return false;
    }
    this.account(request, request.bytes);
    return true;
  }

  /** One that was granted is over. */
  giveBack(request: ReadRequest): void {
    this.account(request, -request.bytes);
    this.grant();
  }

  /** One that waits is not wanted any more. */
  cancel(request: ReadRequest): void {
    this.waiting = this.waiting.filter((one) => one !== request);
    this.grant();
  }

  /** Lets in what fits now. A request that is let in may itself give back at once: that is seen to here, not in depth. */
  private grant(): void {
    if (this.granting) return;
    this.granting = true;
    for (let next = this.next(); next !== undefined; next = this.next()) {
      const { [next]: request } = this.waiting;
      this.waiting.splice(next, 1);
      this.account(request!, request!.bytes);
      request!.granted();
    }
    this.granting = false;
  }

  /** The first that fits; of each nexus only its first may go. */
  private next(): number | undefined {
    const passed = new Set<Nexus>();
    for (const [index, request] of this.waiting.entries()) {
      if (passed.has(request.nexus)) continue;
      if (this.fits(request)) return index;
      passed.add(request.nexus);
    }
    return undefined;
  }

  private fits({ nexus, bytes }: ReadRequest): boolean {
    const own = this.byNexus.get(nexus) ?? 0;
    return own === 0 || (own + bytes <= this.share && this.used + bytes <= this.total);
  }

  private account({ nexus }: ReadRequest, bytes: number): void {
    this.used += bytes;
    const own = (this.byNexus.get(nexus) ?? 0) + bytes;
    if (own === 0) this.byNexus.delete(nexus);
    else this.byNexus.set(nexus, own);
  }
}
