import t from 'tap';
import type { HostGroup } from '../../../target/volumes/model.js';
import { Volumes } from '../../../target/volumes/volumes.js';
import { codeOf, GiB, rig } from './fixture.js';

const HOST = 'iqn.2001-04.com.example:host1';
const listen = { host: '127.0.0.1', port: 0 };

function withPorts(t: Parameters<typeof rig>[0]) {
  const array = rig(t);
  array.addPool(GiB);
  array.volumes.createPort({ name: 'CL1-A', listen });
  array.volumes.createPort({ name: 'CL2-A', listen: { host: '::1', port: 3261 }, portGroup: 2 });
  return array;
}

t.test('ports get relative identifiers and are there after a restart', async (t) => {
  const array = withPorts(t);
  const { volumes } = array;
  t.equal(
    codeOf(() => volumes.createPort({ name: 'cl1-a', listen })),
    'port-exists',
    'case folded',
  );
  t.equal(
    codeOf(() => volumes.createPort({ name: 'CL3-A', listen, relativeId: 2 })),
    'port-exists',
  );
  t.equal(
    codeOf(() => volumes.createPort({ name: 'CL 3', listen })),
    'bad-name',
  );
  t.equal(
    codeOf(() => volumes.createPort({ name: 'CL3-A', listen: { host: '', port: 1 } })),
    'bad-name',
  );
  t.equal(
    codeOf(() => volumes.createPort({ name: 'CL3-A', listen: { host: 'h', port: 65536 } })),
    'bad-number',
  );
  t.equal(
    codeOf(() => volumes.createPort({ name: 'CL3-A', listen, portGroup: 0 })),
    'bad-number',
  );
  volumes.setListen('CL1-A', { host: '127.0.0.1', port: 3260 });
  await array.stop();
  array.open();
  t.same(array.volumes.ports(), [
    { name: 'CL1-A', relativeId: 1, portGroup: 1, listen: { host: '127.0.0.1', port: 3260 } },
    { name: 'CL2-A', relativeId: 2, portGroup: 2, listen: { host: '::1', port: 3261 } },
  ]);
  await array.stop();
});

t.test('target names: the port for its first group, with the name for others', async (t) => {
  const array = withPorts(t);
  const { volumes } = array;
  const { iqn } = volumes.identity;
  const create = (port: string, name: string, target?: string) =>
    volumes.createHostGroup(target === undefined ? { port, name } : { port, name, target }).target;
  t.equal(create('CL1-A', 'default'), `${iqn}:cl1-a`);
  t.equal(create('CL1-A', 'Linux_hosts'), `${iqn}:cl1-a:linux-hosts`);
  t.equal(create('CL2-A', 'Linux_hosts'), `${iqn}:cl2-a`);
  t.equal(create('CL2-A', 'own', 'IQN.2001-04.com.example:Own'), 'iqn.2001-04.com.example:own', 'folded');
  t.equal(volumes.hostGroupByTarget('CL2-A', 'iqn.2001-04.COM.example:own')?.name, 'own');
  t.equal(volumes.hostGroupByTarget('CL1-A', 'iqn.2001-04.com.example:own'), undefined, 'on its port only');
  t.equal(
    codeOf(() => create('CL2-A', 'two', 'iqn.2001-04.com.example:own')),
    'target-exists',
  );
  t.equal(
    codeOf(() => create('CL2-A', 'OWN')),
    'host-group-exists',
  );
  t.equal(
    codeOf(() => create('CL9-A', 'x')),
    'port-unknown',
  );
  t.equal(
    codeOf(() => create('CL2-A', 'a/b')),
    'bad-name',
  );
  t.equal(
    codeOf(() => volumes.createHostGroup({ port: 'CL2-A', name: 'x', auth: 'srp' as 'chap' })),
    'bad-name',
  );
  await array.stop();
});

t.test('what is no iSCSI name is refused', async (t) => {
  const array = withPorts(t);
  const { volumes } = array;
  const { id } = volumes.createHostGroup({ port: 'CL1-A', name: 'g' });
  const good = [
    HOST,
    'iqn.2001-04.com.example',
    'eui.02004567a425678d',
    'naa.52004567ba64678d',
    'naa.62004567ba64678d0123456789abcdef',
    'iqn.2001-04.com.example:größe',
  ];
  for (const name of good) t.doesNotThrow(() => volumes.addInitiator(id, name), name);
  const bad = [
    '',
    'host1',
    'iqn.2001-04',
    'iqn.2001-13.com.example',
    'iqn.2001-4.com.example',
    'iqn.2001-04.com.example:a b',
    'iqn.2001-04.com.example:a_b',
    'iqn.2001-04.com.example:a\nb',
    'eui.0200',
    'naa.zz004567ba64678d',
    `iqn.2001-04.com.example:${'x'.repeat(200)}`,
  ];
  for (const name of bad)
    t.equal(
      codeOf(() => volumes.addInitiator(id, name)),
      'bad-iscsi-name',
      JSON.stringify(name),
    );
  await array.stop();
});

t.test('admission: exact names in any case, or any', async (t) => {
  const array = withPorts(t);
  const { volumes } = array;
  const group = volumes.createHostGroup({ port: 'CL1-A', name: 'g', initiators: ['IQN.2001-04.com.example:Host1'] });
  const told: HostGroup[] = [];
  volumes.on('admission-changed', (each) => told.push(each));
  volumes.setAuth(group.id, 'chap');
  t.same(told.splice(0), [group], 'more may have to be proved');
  t.same(group.initiators, [HOST]);
  t.ok(Volumes.admits(group, HOST));
  t.ok(Volumes.admits(group, 'iqn.2001-04.com.example:HOST1'));
  t.notOk(Volumes.admits(group, `${HOST}0`));
  t.notOk(Volumes.admits(group, ''));
  t.notOk(Volumes.admits(group, '*'));
  t.equal(
    codeOf(() => volumes.addInitiator(group.id, HOST.toUpperCase())),
    'initiator-exists',
  );
  t.equal(
    codeOf(() => volumes.removeInitiator(group.id, '*')),
    'initiator-unknown',
  );
  volumes.addInitiator(group.id, '*');
  t.ok(Volumes.admits(group, 'anybody'));
  t.same(told, []);
  volumes.removeInitiator(group.id, '*');
  t.same(told, [group]);
  t.notOk(Volumes.admits(group, 'anybody'), 'the same object, changed');
  await array.stop();
});

t.test('LUN paths: told, durable, refused when taken or unknown', async (t) => {
  const array = withPorts(t);
  const { volumes } = array;
  for (const id of [0, 1, 2]) volumes.createLdev({ id, bytes: GiB });
  const a = volumes.createHostGroup({ port: 'CL1-A', name: 'a' });
  const b = volumes.createHostGroup({ port: 'CL2-A', name: 'b' });
  const told: string[] = [];
  volumes.on('luns-changed', (group) => told.push(`${group.name}: ${[...group.luns]}`));
  volumes.mapLun(a.id, 0, 1);
  volumes.mapLun(b.id, 16383, 1);
  volumes.mapLun(a.id, 5, 2);
  volumes.unmapLun(a.id, 0);
  t.same(told, ['a: 0,1', 'b: 16383,1', 'a: 0,1,5,2', 'a: 5,2']);
  t.equal(
    codeOf(() => volumes.mapLun(a.id, 5, 0)),
    'lun-taken',
  );
  t.equal(
    codeOf(() => volumes.mapLun(a.id, 6, 2)),
    'ldev-mapped-twice',
  );
  t.equal(
    codeOf(() => volumes.mapLun(a.id, 16384, 0)),
    'bad-number',
  );
  t.equal(
    codeOf(() => volumes.mapLun(a.id, -1, 0)),
    'bad-number',
  );
  t.equal(
    codeOf(() => volumes.mapLun(a.id, 7, 9)),
    'ldev-unknown',
  );
  t.equal(
    codeOf(() => volumes.mapLun(99, 7, 0)),
    'host-group-unknown',
  );
  t.equal(
    codeOf(() => volumes.unmapLun(a.id, 0)),
    'lun-unknown',
  );
  t.equal(told.length, 4, 'refusals are not told');
  t.same(
    volumes.paths(1).map(([group, lun]) => [group.name, lun]),
    [['b', 16383]],
  );
  await array.stop();
  array.open();
  t.same([...array.volumes.hostGroup('CL1-A', 'a')!.luns], [[5, 2]]);
  t.same([...array.volumes.hostGroup('CL2-A', 'b')!.luns], [[16383, 1]]);
  await array.stop();
});

t.test('an event comes when the change is durable', async (t) => {
  const array = withPorts(t);
  array.volumes.createLdev({ id: 0, bytes: GiB });
  const { id } = array.volumes.createHostGroup({ port: 'CL1-A', name: 'a' });
  array.volumes.on('luns-changed', () => array.kill());
  array.volumes.mapLun(id, 1, 0);
  array.open();
  t.same([...array.volumes.hostGroup('CL1-A', 'a')!.luns], [[1, 0]]);
  await array.stop();
});

t.test('a deleted host group takes its paths along, and is told', async (t) => {
  const array = withPorts(t);
  const { volumes } = array;
  volumes.createLdev({ id: 0, bytes: GiB });
  const group = volumes.createHostGroup({ port: 'CL1-A', name: 'a', initiators: [HOST], auth: 'chap' });
  volumes.mapLun(group.id, 0, 0);
  t.equal(volumes.setAuth(group.id, 'mutual-chap').auth, 'mutual-chap');
  const told: HostGroup[] = [];
  volumes.on('host-group-removed', (each) => told.push(each));
  volumes.deleteHostGroup(group.id);
  t.same(told, [group]);
  t.same(volumes.hostGroups(), []);
  t.equal(
    codeOf(() => volumes.deleteHostGroup(group.id)),
    'host-group-unknown',
  );
  await volumes.deleteLdev(0);
  const again = volumes.createHostGroup({ port: 'CL1-A', name: 'a' });
  t.not(again.id, group.id, 'ids are never used again');
  t.equal(again.target, `${volumes.identity.iqn}:cl1-a`);
  await array.stop();
});
