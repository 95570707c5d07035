/** Where SET IDENTIFYING INFORMATION is kept; `UnitTables` of the configuration store is one. */
export interface IdentifyingStore {
  /** Of an LDEV; empty if none was set. @param type of `IdentifyingType` */
  identifyingInformation(ldev: number, type: number): Buffer;
  /** Durable when it returns; throws if it cannot be. */
  saveIdentifyingInformation(ldev: number, type: number, information: Buffer): void;
}

/** Of a logical unit that keeps nothing: what cannot be kept is refused. */
export const noIdentifyingStore: IdentifyingStore = {
  identifyingInformation: () => Buffer.alloc(0),
  saveIdentifyingInformation() {
    throw new Error('there is no store');
  },
};
