import type { NativeFunctions } from '../../../native/index.js';
import { type FileIo, threadIo } from '../../../target/disk/file-io.js';
import { RingIo } from '../../../target/disk/ring-io.js';
import { each } from '../native/each.js';

/** Every way to move the bytes of files that there is here, so that one test runs against all. */
export const eachIo: readonly (readonly [string, NativeFunctions, FileIo])[] = each.flatMap(([name, functions]) => {
  const threads = [`${name}, threads`, functions, threadIo(functions)] as const;
  const ring = openRing(functions);
  return ring === null ? [threads] : [threads, [`${name}, uring`, functions, ring] as const];
});

/** Null also where the kernel has no io_uring or forbids it. */
function openRing(functions: NativeFunctions): RingIo | null {
  try {
    return RingIo.open(functions);
  } catch {
    return null;
  }
}
