import t from 'tap';
import { SimulatedClock } from '../../../../target/base/clock.js';
import type { Log } from '../../../../target/base/log.js';
import { Notices } from '../../../../target/disk/raid/notices.js';

t.test('one line in ten seconds, which says how many were left out', (t) => {
  const clock = new SimulatedClock();
  const lines: string[] = [];
  const log: Log = { info() {}, warn: (line) => lines.push(line), error() {} };
  const notices = new Notices(clock, log);
  for (const each of ['first', 'second', 'third']) notices.tell(each);
  clock.advance(9_000);
  notices.tell('fourth');
  t.same(lines, ['first']);
  clock.advance(1_000);
  notices.tell('fifth');
  t.same(lines, ['first', 'fifth (and 3 more of the kind since the last line)']);
  clock.advance(20_000);
  notices.tell('sixth');
  t.same(lines.slice(2), ['sixth']);
  t.end();
});
