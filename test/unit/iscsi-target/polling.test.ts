import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import type { Clock } from '../../../target/disk/types.js';
import { Polling } from '../../../target/ports/iscsi/polling.js';

/** A clock that gains 50 µs with each immediate. */
class TurningClock extends SimulatedClock implements Clock {
  turns = 0;
  time = 0;
  override now(): number {
    return this.time;
  }
  override setImmediate(run: () => void): void {
    super.setImmediate(() => {
      this.turns++;
      this.time += 50_000;
      run();
    });
  }
}

t.test('the event loop turns for as long as asked after the last activity, then sleeps', async (t) => {
  const clock = new TurningClock();
  const polling = Polling.of(clock);
  t.equal(Polling.of(clock), polling, 'one for all connections');
  polling.touch(clock.now(), 200);
  polling.touch(clock.now(), 100);
  clock.settle();
  t.equal(clock.turns, 4);
  t.equal(clock.pending, 0);
  polling.touch(clock.now(), 200);
  clock.settle();
  t.equal(clock.turns, 8, 'and again');
});

t.test('off', async (t) => {
  const clock = new TurningClock();
  Polling.of(clock).touch(0, 0);
  t.equal(clock.pending, 0);
});
