/** SCSI status codes (SAM-6 5.3.1). */
export const Status = {
  good: 0x00,
  checkCondition: 0x02,
  conditionMet: 0x04,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
  acaActive: 0x30,
  taskAborted: 0x40,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** Statuses in words, by value. */
export const STATUS_NAMES: Readonly<Record<number, string>> = {
  [Status.good]: 'GOOD',
  [Status.checkCondition]: 'CHECK CONDITION',
  [Status.conditionMet]: 'CONDITION MET',
  [Status.busy]: 'BUSY',
  [Status.reservationConflict]: 'RESERVATION CONFLICT',
  [Status.taskSetFull]: 'TASK SET FULL',
  [Status.acaActive]: 'ACA ACTIVE',
  [Status.taskAborted]: 'TASK ABORTED',
};
