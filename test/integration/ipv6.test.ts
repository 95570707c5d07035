/** An array on an IPv6 address, from discovery to reading what was written. */
import { networkInterfaces } from 'node:os';
import t from 'tap';
import { connect, discover, formatUrl } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';

const loopback = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const skip = loopback ? false : 'this machine has no ::1';

t.test('discovery, login, write and read over [::1]', { skip }, async (t) => {
  const array = await startArray({
    config: {
      cache: '16M',
      ldevs: [{ id: '00:00', capacity: '64M' }],
      ports: [
        { id: 'CL1-A', listen: '[::1]:0' },
        { id: 'CL2-A', listen: '[::]:0' },
      ],
    },
    polling: 0,
  });
  t.teardown(() => array.stop());
  t.match(array.ports, [{ host: '::1' }, { host: '::' }]);
  const [first, second] = array.ports.map(({ port }) => port) as [number, number];
  t.ok(array.luns[0]!.url.startsWith(`iscsi://[::1]:${first}/`), 'the address stands in brackets');

  const found = await discover(`iscsi://[::1]:${first}`);
  t.same(
    found.map(({ portals }) => portals),
    [
      [{ host: '::1', port: first, portalGroup: 1 }],
      // A listener on any address is named by the one the host used.
      [{ host: '::1', port: second, portalGroup: 2 }],
    ],
  );

  const written = Buffer.alloc(4096, 'six');
  for (const [index, { name, portals }] of found.entries()) {
    const unit = await connect(formatUrl(portals[0]!, name, 0));
    if (index === 0) await unit.write(8, written);
    t.same(await unit.read(8, 8), written);
    await unit.close();
  }
});
