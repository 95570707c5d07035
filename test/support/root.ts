import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the checkout; the same from sources and from dist/. */
export const checkout = findCheckout(dirname(fileURLToPath(import.meta.url)));

function findCheckout(dir: string): string {
  return existsSync(join(dir, 'package.json')) ? dir : findCheckout(dirname(dir));
}
