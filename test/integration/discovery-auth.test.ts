/** `discoveryAuth` of the configuration: who may ask which targets there are. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startArray } from '../../target/array.js';
import * as iscsi from '../../wire/iscsi/bhs.js';
import { chapAlgorithms, chapResponse, decodeBinary, encodeBinary } from '../../wire/iscsi/chap.js';
import { Host } from '../unit/iscsi-target/host.js';

const [algorithm] = chapAlgorithms;
const user = { name: 'alice', secret: 'correct horse battery', role: 'initiator' as const };
const keys = { InitiatorName: 'iqn.2026-01.org.example:host', SessionType: 'Discovery' };

t.test('demanded in the configuration, kept over a start without it, and given up again', async (t) => {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'lunarray-')), 'data');
  t.teardown(() => rmSync(join(dataDir, '..'), { recursive: true }));
  for (const [config, demanded] of [
    [{ discoveryAuth: 'chap' as const, users: [user], cache: '16M' }, true],
    [{}, true],
    [{ discoveryAuth: 'none' as const }, false],
  ] as const) {
    const array = await startArray({ dataDir, config: config as object, polling: 0 });
    const { port } = array.ports[0]!;
    const bare = await Host.connect(port);
    const { status } = await bare.exchange({ ...keys }, { csg: 1, nsg: 3 });
    t.equal(status, demanded ? iscsi.LoginStatus.authenticationFailure : 0);

    const host = await Host.connect(port);
    await host.exchange({ ...keys, AuthMethod: demanded ? 'CHAP' : 'None' }, { csg: 0 });
    if (demanded) {
      const { keys: challenge } = await host.exchange({ CHAP_A: String(algorithm!.id) }, { csg: 0 });
      const bytes = decodeBinary(challenge.get('CHAP_C')!)!;
      const response = chapResponse(algorithm!, Number(challenge.get('CHAP_I')), user.secret, bytes);
      await host.exchange({ CHAP_N: user.name, CHAP_R: encodeBinary(response) }, { csg: 0 });
    }
    t.match(await host.exchange({}, { csg: 0, nsg: 3 }), { status: 0 });
    t.match(await host.text({ SendTargets: 'All' }), [['TargetName', /^iqn\./]]);
    bare.destroy();
    host.destroy();
    await array.stop();
  }
});
