// An array inside a test suite: two volumes, one of which has a bad block. Run: node docs/examples/library.mjs
import { startArray } from 'lunarray';

const array = await startArray({
  config: {
    ldevs: [
      { id: '00:00', capacity: '1G' },
      { id: '00:01', capacity: '10T', blockSize: 4096 },
    ],
    ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
  },
  faults: [{ ldev: 0x0000, op: 'read', lba: 2048, effect: 'medium-error' }],
});

for (const { ldev, capacity, kind, url } of array.luns) {
  console.log(ldev, capacity, kind, url.replace(/:\d+\/.*\//, ':PORT/IQN/'));
}

// Point the initiator under test at array.luns[0].url, then change things while it is logged in:
array.volumes.expandLdev(0x0000, { bytes: 2 * 2 ** 30 });
console.log('now', array.luns[0].capacity);

await array.stop();
