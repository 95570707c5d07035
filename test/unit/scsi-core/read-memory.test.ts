/** Memory for data of reads: shares, the total, who has to wait, what gives back at once. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import { ReadMemory, type ReadRequest } from '../../../target/scsi/read-memory.js';

const nexus = (id: number) => ({ id }) as Nexus;
const [a, b, c] = [nexus(1), nexus(2), nexus(3)];

/** One that tells when it is granted. */
function ask(memory: ReadMemory, of: Nexus, bytes: number) {
  const asked = { nexus: of, bytes, state: 'waits', granted: () => (asked.state = 'late') };
  if (memory.take(asked)) asked.state = 'at once';
  return asked;
}

t.test('a share for each nexus; who takes nothing waits alone', async (t) => {
  const memory = new ReadMemory(100, 60);
  const first = ask(memory, a, 40);
  const second = ask(memory, a, 30);
  const third = ask(memory, a, 10);
  t.same(
    [first, second, third].map(({ state }) => state),
    ['at once', 'waits', 'waits'],
    'in its order',
  );
  t.equal(ask(memory, b, 60).state, 'at once');
  t.equal(ask(memory, c, 60).state, 'at once', 'one of each, even beyond the total');
  t.equal(ask(memory, c, 1).state, 'waits');
  memory.giveBack(first);
  t.equal(second.state, 'late');
  t.equal(third.state, 'waits', 'the total');
});

t.test('one larger than the share is let in alone', async (t) => {
  const memory = new ReadMemory(100, 60);
  const huge = ask(memory, a, 500);
  t.equal(huge.state, 'at once');
  const next = ask(memory, a, 1);
  t.equal(next.state, 'waits');
  memory.giveBack(huge);
  t.equal(next.state, 'late');
});

t.test('one that is cancelled lets those behind it go', async (t) => {
  const memory = new ReadMemory(100, 60);
  ask(memory, a, 40);
  const large = ask(memory, a, 50);
  const small = ask(memory, a, 20);
  memory.cancel(large);
  t.equal(small.state, 'late');
  t.equal(large.state, 'waits');
});

t.test('what gives back as soon as it is granted goes no deeper', async (t) => {
  const memory = new ReadMemory(10, 10);
  const first = ask(memory, a, 10);
  let done = 0;
  for (let i = 0; i < 5_000; i++) {
    const request: ReadRequest = {
      nexus: a,
      bytes: 10,
      granted: () => {
        done++;
        memory.giveBack(request);
      },
    };
    memory.take(request);
  }
  memory.giveBack(first);
  t.equal(done, 5_000);
});

t.test('any order: limits hold, nobody is forgotten', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
  t.comment(`LUNARRAY_SEED=${seed}`);
  const random = seededRandom(seed);
  const memory = new ReadMemory(100, 40);
  const nexuses = [a, b, c];
  const granted: ReadRequest[] = [];
  let waiting: ReadRequest[] = [];
  const judge = () => {
    const bytesOf = (list: readonly ReadRequest[]) => list.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const one of nexuses) {
      const own = granted.filter((request) => request.nexus === one);
      if (own.length > 1 && bytesOf(own) > 40) t.fail('more than its share');
      if (own.length === 0 && waiting.some((request) => request.nexus === one)) t.fail('none of one that waits');
      if (own.length > 1 && bytesOf(granted) > 100 + 2 * 50) t.fail('more than the total, and one of each');
    }
  };
  for (let step = 0; step < 3000; step++) {
    const choice = random.below(5);
    if (choice < 2) {
      const request: ReadRequest = {
        nexus: nexuses[random.below(3)]!,
        bytes: 1 + random.below(50),
        granted: () => {
          waiting = waiting.filter((one) => one !== request);
          granted.push(request);
        },
      };
      if (memory.take(request)) granted.push(request);
      else waiting.push(request);
    } else if (choice < 4 && granted.length > 0) {
      memory.giveBack(granted.splice(random.below(granted.length), 1)[0]!);
    } else if (waiting.length > 0) {
      const [gone] = waiting.splice(random.below(waiting.length), 1);
      memory.cancel(gone!);
    }
    judge();
  }
  while (granted.length > 0) memory.giveBack(granted.pop()!);
  t.equal(waiting.length, 0);
});
