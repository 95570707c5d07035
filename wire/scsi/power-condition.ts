/**
 * Power conditions: what START STOP UNIT asks for, the mode page and the VPD page (SPC-5 5.12, 7.5.13, 7.8.10; SBC-4 5.31).
 *
 *   mode page 1Ah, 40 bytes   2  PM_BG_PRECEDENCE (7:6)  STANDBY_Y (0)
 *                             3  IDLE_C (3)  IDLE_B (2)  IDLE_A (1)  STANDBY_Z (0)
 *                             4  timers of 4 bytes, in 100 ms: IDLE_A · STANDBY_Z · IDLE_B · IDLE_C · STANDBY_Y
 *                            39  CCF_IDLE (7:6)  CCF_STANDBY (5:4)  CCF_STOPPED (3:2), each 01b: disabled
 *   VPD page 8Ah, 18 bytes    4  STANDBY_Y (1)  STANDBY_Z (0) · IDLE_C (2)  IDLE_B (1)  IDLE_A (0)
 *                             6  recovery times of 2 bytes, in ms, 0: not told: stopped · STANDBY_Z · STANDBY_Y · IDLE_A · _B · _C
 */

/** POWER CONDITION of START STOP UNIT: byte 4, bits 7 to 4. */
export const PowerCondition = {
  /** START and LOEJ say what to do. */
  startValid: 0x0,
  active: 0x1,
  standby: 0x3,
  /** The timers run again. */
  timersControl: 0x7,
  /** As if the timer had expired. */
  forceStandby: 0xb,
} as const;

/** The mode page: its length, and where STANDBY_Z stands in it. */
export const PowerConditionPage = {
  bytes: 40,
  standbyByte: 3,
  standbyMask: 0x01,
  standbyTimerByte: 8,
  disabledChecksByte: 39,
  disabledChecks: 0x54,
} as const;

/** Parameters of log page 1Ah (SPC-5 7.3.13): accumulated transitions. */
export const PowerTransition = { active: 0x0001, standbyZ: 0x0008 } as const;

const STANDBY_Z = 0x01;

/** VPD page 8Ah of a logical unit that has standby_z, and leaves it in no time worth telling. */
export function powerConditionPage(device: number): Buffer {
  const data = Buffer.alloc(18);
  data[0] = device;
  data[1] = 0x8a;
  data.writeUInt16BE(data.length - 4, 2);
  data[4] = STANDBY_Z;
  return data;
}
