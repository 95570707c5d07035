/** Copies beside what hosts do: what a copy passed waits for it; a copy whose host is gone sends nothing any more. */
import t from 'tap';
import { PIECES_OF_UNIT } from '../../../target/copy/copy-limits.js';
import { write16 } from '../../../wire/scsi/cdb-build.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import type { Host } from '../scsi-primary/rig.js';
import { blocks, bytes, CopyRig, copy, receive, startCopy } from './copy-rig.js';

const BLOCK_ERASE = [0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0];

/** A WRITE whose data-out the host does not send until it is told to. */
function withheld(host: Host, lun: number, lba: number, count: number) {
  host.owner.withheld = [];
  const task = host.start(write16(lba, count), Buffer.alloc(count * 512, 0x77), { lun });
  const [wanted] = host.owner.withheld;
  host.owner.withheld = null;
  return () => host.owner.deliver(task, wanted!.bytes);
}

t.test('a write that a merge has passed waits for the merge', async (t) => {
  const rig = new CopyRig();
  const [source, destination] = rig.layers;
  source!.fill(0, 4, 0x11);
  const [a, b] = [rig.host('a'), rig.host('b')];
  const deliver = withheld(b, 1, 0, 10);
  const second = b.start(write16(5, 11), Buffer.alloc(11 * 512, 0x22), { lun: 1 });
  destination!.held = [];
  const task = startCopy(a, { segments: [bytes(100, [0, 0], [12, 50])] });
  // The READ of the merge, then that of its COMPARE AND WRITE, whose write hangs in the layer.
  for (let i = 0; i < 2; i++) {
    rig.clock.settle();
    destination!.complete();
  }
  rig.clock.settle();
  const late = destination!.held!.splice(0);
  destination!.held = null;
  deliver();
  rig.clock.settle();
  t.notOk(second.finished, 'it does not run beside it');
  for (const run of late) run();
  rig.clock.settle();
  t.same([second.status, task.status], [0, 0]);
  const block = destination!.view(12, 1);
  t.same([block[0], block[511]], [0x22, 0x22], 'and comes after it');
});

t.test('SANITIZE that a write of a copy has passed waits for it', async (t) => {
  const rig = new CopyRig([{}, { thin: false }]);
  const [source, destination] = rig.layers;
  source!.fill(0, 4, 0x11);
  const [a, b] = [rig.host('a'), rig.host('b')];
  const deliver = withheld(b, 1, 0, 1);
  const sanitize = b.start(Buffer.from(BLOCK_ERASE), null, { lun: 1 });
  destination!.held = [];
  startCopy(a, { segments: [blocks(1, 0, 100)] });
  rig.clock.settle();
  const late = destination!.held!.splice(0);
  destination!.held = null;
  deliver();
  for (let i = 0; i < 20; i++) rig.clock.settle();
  t.notOk(sanitize.finished);
  for (const run of late) run();
  for (let i = 0; i < 20; i++) rig.clock.settle();
  t.ok(sanitize.finished);
  t.equal(destination!.view(100, 1)[0], 0, 'nothing of the copy is left');
});

for (const end of ['abort-task', 'logical-unit-reset'] as const) {
  t.test(`${end} of copies that wait behind a host that sends no data, and for their turn: at once`, async (t) => {
    const rig = new CopyRig([{ thin: false }, { thin: false }]);
    rig.layers[0]!.fill(0, 100, 0x11);
    const [a, b] = [rig.host('a'), rig.host('b')];
    const deliver = withheld(b, 1, 0, 10);
    const start = (listId: number) => startCopy(a, { listId, segments: [blocks(4, 0, listId)] });
    const copies = Array.from({ length: PIECES_OF_UNIT + 2 }, (_, i) => start(i));
    rig.clock.settle();
    t.notOk(copies.some(({ finished }) => finished));
    if (end === 'logical-unit-reset') {
      const managed = a.manage(end);
      rig.clock.settle();
      t.equal(managed.outcome, 'complete');
    } else {
      for (const task of copies) {
        const managed = a.manage(end, { tag: task.tag });
        rig.clock.settle();
        t.equal(managed.outcome, 'complete');
      }
    }
    t.ok(copies.every(({ finished, aborted }) => finished && aborted));
    a.attentions(0);
    const next = startCopy(a, { listId: 50, segments: [blocks(4, 0, 50)] });
    rig.clock.settle();
    t.ok(next.finished && next.status === 0, 'their turns are free');
    deliver();
    rig.clock.settle();
    t.equal(rig.layers[1]!.view(0, 1)[0], 0x77, 'what the host writes is there');
  });
}

for (const waiting of [true, false]) {
  t.test(
    `a lost nexus: its copy ${waiting ? 'that waits for its turn' : 'that is reading'} writes nothing`,
    async (t) => {
      const rig = new CopyRig([{ thin: false }, { thin: false }]);
      const [source, destination] = rig.layers;
      source!.fill(0, 100, 0x11);
      const host = rig.host('a');
      source!.held = [];
      const before = waiting ? PIECES_OF_UNIT : 0;
      for (let i = 0; i < before; i++) startCopy(host, { listId: i, segments: [blocks(1, i, 100 + i)] });
      startCopy(host, { listId: 50, segments: [blocks(1, 50, 50)] });
      host.logout();
      rig.clock.settle();
      const again = rig.host('a');
      t.equal(again.run(write16(50, 1), Buffer.alloc(512, 0x99), { lun: 1 }).status, 0);
      for (let i = 0; i <= before; i++) {
        source!.complete();
        rig.clock.settle();
      }
      t.equal(destination!.view(50, 1)[0], 0x99, 'what the new session wrote stays');
    },
  );
}

t.test('what copies hold of a logical unit goes when one is sanitized', async (t) => {
  const rig = new CopyRig();
  rig.layers[0]!.fill(0, 8, 0x61);
  const host = rig.host('a');
  copy(host, { listId: 3, segments: [blocks(2, 0, 0, { hold: true })] });
  t.ok(receive(host, CopyIn.data1, 3).data.includes('aaaaaaaa'));
  copy(host, { listId: 4, segments: [blocks(2, 0, 0, { hold: true })] });
  t.equal(host.run(BLOCK_ERASE).status, 0);
  t.notOk(receive(host, CopyIn.data1, 4).data.includes('aaaaaaaa'));
});
