/**
 * Holds the tree to the layering of docs/architecture.md: a folder imports only from itself, from what is
 * common (wire, native, target/base) and from what stands below it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, here.includes('/dist/') ? '../../../..' : '../../..');

/** From the top of the data path down; a folder may import those after it. */
const stack = [
  'target/ports',
  'target/channel',
  'target/scsi',
  'target/copy',
  'target/external',
  'target/tape',
  'target/volumes',
  'target/cache',
  'target/disk',
];
const common = ['target/base', 'wire', 'native'];
/** These put the parts together. */
const composers = ['target/svp', 'target/cli', 'target/array.ts', 'target/index.ts'];

/** `disk` and `cache` name the shapes of what stands above them in types only. */
function allowed(from: string, to: string, typeOnly: boolean): boolean {
  const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
  if (within(from, 'wire')) return within(to, 'wire') || within(to, 'native');
  if (within(from, 'native')) return within(to, 'native');
  if (within(from, 'target/base')) return within(to, 'target/base') || within(to, 'native');
  if (common.some((folder) => within(to, folder))) return true;
  if (within(from, 'initiator')) return within(to, 'initiator');
  if (within(from, 'manager')) return within(to, 'manager') || within(to, 'initiator');
  if (composers.some((part) => within(from, part))) return within(to, 'target');
  const level = stack.findIndex((folder) => within(from, folder));
  const target = stack.findIndex((folder) => within(to, folder));
  if (target >= level && target >= 0 && level >= 0) return true;
  if ((within(from, 'target/copy') || within(from, 'target/external')) && within(to, 'initiator')) return true;
  return typeOnly && within(from, 'target/cache') && to === 'target/volumes/block-layer.ts';
}

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'build' && entry.name !== 'node_modules') yield* sources(path);
    else if (entry.isFile() && entry.name.endsWith('.ts')) yield path;
  }
}

t.test('imports go down the stack only', async (t) => {
  const wrong: string[] = [];
  let files = 0;
  for (const folder of ['wire', 'native', 'target', 'initiator', 'manager']) {
    for (const file of sources(folder)) {
      files++;
      const text = readFileSync(join(root, file), 'utf8');
      for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+'(\.[^']+)'/gm)) {
        const to = relative(root, resolve(root, dirname(file), match[2]!)).replace(/\.js$/, '.ts');
        if (!allowed(file, to, match[1] !== undefined)) wrong.push(`${file} imports ${to}`);
      }
    }
  }
  t.ok(files > 10, `read ${files} files`);
  t.same(wrong, []);
});
