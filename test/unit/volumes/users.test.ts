import t from 'tap';
import { codeOf, rig } from './fixture.js';

const user = { name: 'host1', secret: 'a secret of 20 bytes', role: 'initiator', hostGroups: [] } as const;

t.test('users are durable; name and role are one key', async (t) => {
  const array = rig(t);
  array.volumes.addUser(user);
  array.volumes.addUser({ ...user, role: 'target', secret: 'another one of 21 byt' });
  t.equal(
    codeOf(() => array.volumes.addUser(user)),
    'user-exists',
  );
  array.volumes.setSecret('host1', 'initiator', 'x'.repeat(12));
  await array.stop();
  array.open();
  t.same(array.volumes.user('host1', 'initiator'), { ...user, secret: 'x'.repeat(12) });
  t.equal(array.volumes.users().length, 2);
  let told = 0;
  array.volumes.on('users-removed', () => told++);
  array.volumes.removeUser('host1', 'initiator');
  t.equal(array.volumes.user('host1', 'initiator'), undefined);
  t.equal(told, 1);
  t.equal(
    codeOf(() => array.volumes.removeUser('host1', 'initiator')),
    'user-unknown',
  );
  t.equal(
    codeOf(() => array.volumes.setSecret('nobody', 'target', 'x'.repeat(12))),
    'user-unknown',
  );
  await array.stop();
});

t.test('secrets: 96 bits at least, and none for both directions', async (t) => {
  const array = rig(t);
  const { volumes } = array;
  t.equal(
    codeOf(() => volumes.addUser({ ...user, secret: 'x'.repeat(11) })),
    'bad-secret',
  );
  t.equal(
    codeOf(() => volumes.addUser({ ...user, secret: 'x'.repeat(129) })),
    'bad-secret',
  );
  t.doesNotThrow(() => volumes.addUser({ ...user, secret: 'ééééé12' }), 'bytes are counted');
  volumes.addUser({ ...user, name: 'host2' });
  t.doesNotThrow(() => volumes.addUser({ ...user, name: 'host3' }), 'initiators may share one');
  t.equal(
    codeOf(() => volumes.addUser({ ...user, name: 'array', role: 'target' })),
    'bad-secret',
  );
  volumes.addUser({ ...user, name: 'array', role: 'target', secret: 'y'.repeat(16) });
  t.equal(
    codeOf(() => volumes.setSecret('array', 'target', user.secret)),
    'bad-secret',
  );
  t.equal(
    codeOf(() => volumes.setSecret('host2', 'initiator', 'y'.repeat(16))),
    'bad-secret',
  );
  await array.stop();
});

t.test('names and roles', async (t) => {
  const array = rig(t);
  for (const name of ['', 'a b', 'a\0', 'x'.repeat(256)]) {
    t.equal(
      codeOf(() => array.volumes.addUser({ ...user, name })),
      'bad-name',
      JSON.stringify(name),
    );
  }
  t.equal(
    codeOf(() => array.volumes.addUser({ ...user, role: 'both' as 'target' })),
    'bad-name',
  );
  t.equal(
    codeOf(() => array.volumes.addUser({ ...user, hostGroups: [5] })),
    'host-group-unknown',
  );
  await array.stop();
});

t.test('deleting a host group never frees a user from its binding', async (t) => {
  const array = rig(t);
  const { volumes } = array;
  volumes.createPort({ name: 'CL1-A', listen: { host: '127.0.0.1', port: 0 } });
  const [a, b] = ['a', 'b'].map((name) => volumes.createHostGroup({ port: 'CL1-A', name }).id);
  volumes.addUser({ ...user, hostGroups: [a!, b!] });
  volumes.deleteHostGroup(a!);
  t.same(volumes.user('host1', 'initiator')!.hostGroups, [b]);
  t.equal(
    codeOf(() => volumes.deleteHostGroup(b!)),
    'host-group-has-user',
  );
  volumes.removeUser('host1', 'initiator');
  volumes.deleteHostGroup(b!);
  t.same(volumes.hostGroups(), []);
  await array.stop();
});
