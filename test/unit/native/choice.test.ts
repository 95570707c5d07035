import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { implementations } from '../../../native/index.js';

/** The implementation that a process with this environment uses. */
function kind(value: string): string {
  const module = fileURLToPath(
    new URL(`../../../native/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
  );
  const script = `import(${JSON.stringify(module)}).then((m) => process.stdout.write(m.nativeKind))`;
  const loader = module.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const env = { ...process.env, LUNARRAY_NATIVE: value };
  return spawnSync(process.execPath, [...loader, '-e', script], { env, encoding: 'utf8', timeout: 20_000 }).stdout;
}

t.equal(kind('0'), 'typescript', 'LUNARRAY_NATIVE=0 uses the twin');
if (implementations.addon !== null) t.equal(kind('1'), 'addon', 'LUNARRAY_NATIVE=1 uses the addon');
