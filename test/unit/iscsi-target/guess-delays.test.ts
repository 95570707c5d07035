import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { GuessDelays } from '../../../target/ports/iscsi/guess-delays.js';

function wrongFrom(address: string, times: number): { clock: SimulatedClock; delays: GuessDelays } {
  const clock = new SimulatedClock();
  const delays = new GuessDelays(clock);
  for (let i = 0; i < times; i++) delays.wrong(address);
  return { clock, delays };
}

t.test('mistakes cost nothing, guesses more and more', (t) => {
  for (const [times, ms] of [
    [0, 0],
    [2, 0],
    [3, 500],
    [4, 1000],
    [6, 4000],
    [1000, 4000],
  ] as const) {
    t.equal(wrongFrom('a', times).delays.turn('a'), ms, `${times} times`);
  }
  t.end();
});

t.test('one turn at a time', (t) => {
  const { clock, delays } = wrongFrom('a', 3);
  t.same([delays.turn('a'), delays.turn('a'), delays.turn('a')], [500, 1000, 1500]);
  t.equal(delays.turn('b'), 0, 'others do not wait');
  clock.advance(1500);
  t.equal(delays.turn('a'), 500);
  t.end();
});

t.test('after a minute without a wrong one all is forgotten', (t) => {
  const { clock, delays } = wrongFrom('a', 9);
  clock.advance(60_001);
  t.equal(delays.turn('a'), 0);
  delays.wrong('a');
  t.equal(delays.turn('a'), 0, 'counted from one again');
  t.end();
});

t.test('no more wait than can be served in time', (t) => {
  const { clock, delays } = wrongFrom('a', 5);
  const turns = [2000, 4000, 6000, 8000, 10_000, null, null];
  t.same(
    turns.map(() => delays.turn('a')),
    turns,
  );
  clock.advance(2000);
  t.equal(delays.turn('a'), 10_000);
  t.end();
});

t.test('an address is a site: IPv4, mapped or not, and the first half of IPv6', (t) => {
  for (const [wrong, other, waits] of [
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:0:0:9', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['fe80::1%eth0', 'fe80::2', true],
    ['::1', '::2', true],
    ['2001:db8::1', '2001:db8:0:0:5::', true],
  ] as const) {
    t.equal(wrongFrom(wrong, 3).delays.turn(other) === 0, !waits, `${wrong} and ${other}`);
  }
  t.end();
});

t.test('remembers so many addresses, those that were wrong last', (t) => {
  const { delays } = wrongFrom('first', 5);
  for (let i = 0; i < 4095; i++) delays.wrong(`address ${i}`);
  t.ok(delays.turn('first')! > 0);
  delays.wrong('first');
  delays.wrong('one more');
  delays.wrong('and another');
  t.ok(delays.turn('first')! > 0);
  for (let i = 0; i < 4096; i++) delays.wrong(`new ${i}`);
  t.equal(delays.turn('first'), 0);
  t.end();
});
