/** Hosts, commands and settings for tests of the ACA condition. */
import { TaskAttribute } from '../../../target/scsi/task.js';
import { type Host, Rig, type RigOptions } from '../scsi-primary/rig.js';

export const ACA = { attribute: TaskAttribute.aca } as const;
export const ACA_ACTIVE = 0x30;
export const BUSY = 0x08;
export const CHECK_CONDITION = 0x02;
export const GOOD = 0x00;
export const TASK_ABORTED = 0x40;

const CONTROL_NACA = 0x04;

export const naca = (cdb: Buffer): Buffer => {
  const faulty = Buffer.from(cdb);
  faulty[cdb.length - 1] = CONTROL_NACA;
  return faulty;
};
export const READY = Buffer.from([0, 0, 0, 0, 0, 0]);
export const READ = Buffer.from([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
export const WRITE = Buffer.from([0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0]);
/** Beyond the end. */
export const BAD_READ = Buffer.from([0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0]);
export const block = Buffer.alloc(512, 0xaa);

/** Byte 2 and 3 and 5 of the control mode page. */
export interface ControlPage {
  readonly functionsOnly?: boolean;
  readonly queueErrors?: number;
  readonly abortedStatus?: boolean;
}

export function setControl(rig: Rig, { functionsOnly = false, queueErrors = 0, abortedStatus = false }: ControlPage) {
  const host = rig.host('admin');
  const page = [0x0a, 10, functionsOnly ? 0x10 : 0, queueErrors << 1, 0, abortedStatus ? 0xc0 : 0x80, 0, 0, 0, 0, 0, 1];
  const list = Buffer.from([0, 0, 0, 0, ...page]);
  const { sense } = host.run([0x15, 0x10, 0, 0, list.length, 0], list);
  host.logout();
  return sense;
}

/** Two hosts on two ports; each has taken what there was to tell. */
export function twoHosts(control: ControlPage = {}, options: RigOptions = {}) {
  const rig = new Rig(options);
  setControl(rig, control);
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  return { rig, a, b };
}

/** A command of the host ends with CHECK CONDITION, and its nexus is the faulted one from here on. */
export function fault(host: Host): void {
  const { status } = host.run(naca(BAD_READ));
  if (status !== CHECK_CONDITION) throw new Error(`no fault, status ${status}`);
}
