import { readFileSync } from 'node:fs';

/**
 * Identifies this run of the machine's kernel (random(4), `boot_id`); empty where there is none. Pages of a
 * mapped file that were not synced are whole as long as the kernel lives, and a mixture of old and new after
 * it: this tells the two apart.
 */
export function currentBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
