/** Which captures run: refusals by name, a disk that fails, the end of the array. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedClock, systemClock } from '../../../target/base/clock.js';
import type { Log } from '../../../target/base/log.js';
import type { Clock } from '../../../target/disk/types.js';
import type { Capture } from '../../../target/ports/capture/capture.js';
import { type CaptureDisk, systemDisk } from '../../../target/ports/capture/capture-disk.js';
import type { IscsiPort } from '../../../target/ports/iscsi/port.js';
import { Captures } from '../../../target/svp/captures.js';
import { readCapture } from '../../support/pcapng.js';

/** Remembers which captures it was given. */
class FakePort {
  readonly captures: string[] = [];
  startCapture({ id }: Capture): void {
    this.captures.push(id);
  }
  stopCapture({ id }: Capture): void {
    this.captures.splice(this.captures.indexOf(id), 1);
  }
}

function rig(disk: CaptureDisk = systemDisk, clock: Clock = systemClock) {
  const lines: string[] = [];
  const log: Log = { info() {}, warn: (line) => lines.push(line), error: (line) => lines.push(line) };
  const captures = new Captures(() => ['CL1-A', 'CL2-A'], clock, log, disk);
  const port = new FakePort();
  captures.attach(port as unknown as IscsiPort);
  return { captures, port, lines };
}

t.test('start, list, stop', async (t) => {
  const file = join(t.testdir(), 'run.pcapng');
  const { captures, port } = rig();
  const defaults = { path: file, port: null, initiator: null, maxSize: 100 * 2 ** 20, files: 10 };
  t.match(await captures.start({ file }), { id: 'capture-1', ...defaults, packets: 0, dropped: 0, bytes: 0 });
  t.match(captures.list(), [{ id: 'capture-1' }]);
  t.same(port.captures, ['capture-1']);
  const late = new FakePort();
  captures.attach(late as unknown as IscsiPort);
  t.same(late.captures, ['capture-1'], 'a port that opens later');
  t.match(await captures.stop('capture-1'), { id: 'capture-1', packets: 0 });
  t.same([captures.list(), port.captures, late.captures], [[], [], []]);
  t.same(readCapture(readFileSync(file)).interfaces, ['CL1-A', 'CL2-A']);
  const narrow = { file, port: 'CL2-A', initiator: 'IQN.2026-11.Example:A', maxSize: 2 ** 20, files: 1 };
  t.match(await captures.start(narrow), {
    id: 'capture-2',
    port: 'CL2-A',
    initiator: 'iqn.2026-11.example:a',
    files: 1,
  });
  await captures.close();
  t.same(captures.list(), []);
});

t.test('refusals', async (t) => {
  const dir = t.testdir({ text: 'no capture' });
  const { captures, port } = rig();
  const file = join(dir, 'run.pcapng');
  const refused: [object, string][] = [
    [{ file: 'run.pcapng' }, 'capture-file'],
    [{ file: join(dir, 'text') }, 'capture-file'],
    [{ file: join(dir, 'none', 'x') }, 'capture-file'],
    [{ file, port: 'CL9-A' }, 'port-unknown'],
    [{ file, maxSize: 1000 }, 'bad-number'],
    [{ file, files: 0 }, 'bad-number'],
    [{ file, files: 1001 }, 'bad-number'],
  ];
  for (const [request, code] of refused) {
    await t.rejects(
      captures.start(request as { file: string }),
      { name: 'ConfigError', code },
      JSON.stringify(request),
    );
  }
  t.same(port.captures, []);
  const both = await Promise.allSettled([captures.start({ file }), captures.start({ file })]);
  t.same(both.map((one) => one.status).sort(), ['fulfilled', 'rejected'], 'one file, two captures');
  for (let number = 1; number < 8; number++) await captures.start({ file: join(dir, `${number}.pcapng`) });
  await t.rejects(captures.start({ file: join(dir, '9.pcapng') }), { code: 'capture-limit' });
  await t.rejects(captures.stop('capture-99'), { code: 'capture-unknown' });
  await captures.close();
});

t.test('a disk that fails ends the capture with a line in the log; another may begin', async (t) => {
  let appends = 0;
  const disk: CaptureDisk = {
    create: async () => ({
      async append() {
        if (appends++ === 1) throw new Error('ENOSPC: no space left on device, writev');
      },
      close: async () => {},
    }),
    rename: async () => {},
  };
  const { captures, port, lines } = rig(disk);
  let capture: Capture | null = null;
  port.startCapture = (one) => {
    capture = one;
    port.captures.push(one.id);
  };
  const file = join(t.testdir(), 'run.pcapng');
  await captures.start({ file });
  capture!.write(capture!.block('CL1-A', 1, null, 0));
  while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.same(lines, [`capture-1 ended: ${file} cannot be written (ENOSPC: no space left on device, writev)`]);
  t.same([captures.list(), port.captures], [[], []]);
  await captures.start({ file });
  t.same(port.captures, ['capture-2']);
  await captures.close();
});

t.test('one file has one capture, however its path is spelled', async (t) => {
  const dir = t.testdir();
  mkdirSync(join(dir, 'real'));
  symlinkSync(join(dir, 'real'), join(dir, 'link'));
  const { captures } = rig();
  await captures.start({ file: join(dir, 'real', 'run.pcapng') });
  for (const file of [`${dir}/real/./run.pcapng`, `${dir}//real/run.pcapng`, join(dir, 'link', 'run.pcapng')]) {
    await t.rejects(captures.start({ file }), { code: 'capture-file', message: /another capture writes to/ }, file);
  }
  await captures.close();
});

t.test('the files that a capture rotates to are its own as well', async (t) => {
  const dir = t.testdir();
  const { captures } = rig();
  await captures.start({ file: join(dir, 'run.1.pcapng'), files: 2 });
  const refused = { code: 'capture-file', message: /another capture writes to .*run\.1\.pcapng/ };
  await t.rejects(captures.start({ file: join(dir, 'run.pcapng'), files: 2 }), refused);
  await captures.start({ file: join(dir, 'run.pcapng'), files: 1 });
  await t.rejects(captures.start({ file: join(dir, 'run.1.1.pcapng') }), { code: 'capture-file' });
  await captures.close();
});

t.test('a path is free once the capture that ends has written all', async (t) => {
  const file = join(t.testdir(), 'run.pcapng');
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let appends = 0;
  const disk: CaptureDisk = {
    ...systemDisk,
    async create(path) {
      const handle = await systemDisk.create(path);
      return {
        ...handle,
        async append(parts) {
          if (appends++ === 1) await gate;
          await handle.append(parts);
        },
      };
    },
  };
  const { captures } = rig(disk);
  const { id } = await captures.start({ file });
  const stopping = captures.stop(id);
  await t.rejects(captures.start({ file }), { code: 'capture-file' }, 'it still writes there');
  open();
  await stopping;
  await captures.start({ file });
  await captures.close();
});

t.test('a disk that hangs does not hold up the end of the array', async (t) => {
  const dir = t.testdir();
  let hangs = false;
  const disk: CaptureDisk = {
    async create(path) {
      if (!path.endsWith('hangs')) return systemDisk.create(path);
      return {
        append: () => (hangs ? new Promise<void>(() => {}) : Promise.resolve()),
        close: async () => {},
      };
    },
    rename: async () => {},
  };
  const clock = new SimulatedClock();
  const { captures, lines } = rig(disk, clock);
  await captures.start({ file: join(dir, 'hangs') });
  await captures.start({ file: join(dir, 'good.pcapng') });
  hangs = true;
  let closed = false;
  const close = captures.close().then(() => {
    closed = true;
  });
  await new Promise((passed) => setTimeout(passed, 20));
  t.notOk(closed);
  clock.advance(2_000);
  await close;
  t.same(lines, [
    `capture-1: the disk of ${join(dir, 'hangs')} does not answer, the end of the capture is not written`,
  ]);
  t.same(readCapture(readFileSync(join(dir, 'good.pcapng'))).interfaces, ['CL1-A', 'CL2-A']);
});
