import t from 'tap';
import { SimulatedClock, systemClock } from '../../../target/base/clock.js';

t.test('simulated clock runs what is due, in order, when told', (t) => {
  const clock = new SimulatedClock(1000);
  const ran: string[] = [];
  clock.setTimeout(() => ran.push('b 20'), 20);
  clock.setTimeout(() => ran.push('a 10'), 10);
  clock.setTimeout(() => ran.push('a2 10'), 10);
  const never = clock.setTimeout(() => ran.push('cancelled'), 5);
  clock.setImmediate(() => ran.push('now'));
  never.cancel();
  never.cancel();
  t.same(ran, []);
  clock.advance(15);
  t.same(ran, ['now', 'a 10', 'a2 10']);
  t.equal(clock.now(), 15e6);
  t.equal(clock.wall(), 1015);
  t.equal(clock.pending, 1);
  clock.advance(5);
  t.equal(ran.at(-1), 'b 20');
  t.end();
});

t.test('what timers set runs too, at its own time', (t) => {
  const clock = new SimulatedClock();
  const times: number[] = [];
  const again = () => {
    times.push(clock.now() / 1e6);
    if (times.length < 4) clock.setTimeout(again, 10);
  };
  clock.setTimeout(again, 10);
  clock.advance(25);
  t.same(times, [10, 20]);
  clock.settle();
  t.same(times, [10, 20, 30, 40]);
  t.end();
});

t.test('settle stops when asked, and refuses to run for ever', (t) => {
  const clock = new SimulatedClock();
  let count = 0;
  const forever = () => {
    count++;
    clock.setImmediate(forever);
  };
  clock.setImmediate(forever);
  clock.settle(() => count === 5);
  t.equal(count, 5);
  t.throws(() => clock.settle(undefined, 100), /more than 100 events/);
  t.end();
});

t.test('system clock', (t) => {
  const before = systemClock.now();
  systemClock.setTimeout(() => t.fail('cancelled'), 0).cancel();
  systemClock.setTimeout(() => {
    t.ok(systemClock.now() > before);
    t.ok(Math.abs(systemClock.wall() - Date.now()) < 1000);
    systemClock.setImmediate(() => t.end());
  }, 1);
});
