import type { Nexus } from './nexus.js';

/** Buffers of one logical unit for WRITE BUFFER and READ BUFFER, which hosts test the way to it with. */
export class UnitBuffers {
  private shared: Buffer | null = null;
  /** The last echo of each nexus; gone with it. */
  private readonly echoes = new WeakMap<Nexus, Buffer>();

  /** Of all nexuses together; zeros at first. */
  get data(): Buffer {
    this.shared ??= Buffer.alloc(DATA_BUFFER_BYTES);
    return this.shared;
  }

  echo(nexus: Nexus): Buffer | null {
    return this.echoes.get(nexus) ?? null;
  }

  /** @param bytes kept as they are */
  setEcho(nexus: Nexus, bytes: Buffer): void {
    this.echoes.set(nexus, bytes);
  }
}

export const DATA_BUFFER_BYTES = 65536;
/** The field that tells it has 13 bits. */
export const ECHO_BUFFER_BYTES = 4096;
