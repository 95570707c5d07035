import type { Log } from '../base/log.js';

/** Protection information of one LDEV that the drives had lost, and that writes have made anew. */
export class InformationLosses {
  /** Places since the start. */
  count = 0;

  constructor(
    private readonly ldev: { readonly name: string },
    private readonly log: Log,
  ) {}

  /**
   * Notes one, and says so each first, second, fourth … time: there may be many.
   * @param lba of the first block whose information stood there
   */
  note(lba: number, blocks: number): void {
    this.count++;
    if (!Number.isInteger(Math.log2(this.count))) return;
    const where = `LBA ${lba} to ${lba + blocks - 1}`;
    const what = `protection information of ${where} was lost, and has been made anew by a write`;
    this.log.warn(
      `LDEV ${this.ldev.name}: ${what}; blocks that it did not write are unchecked (${this.count} such places)`,
    );
  }
}
