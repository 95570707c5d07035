/** The changeable values of MODE SENSE are true: MODE SELECT takes each bit that they show, and no other. */
import t from 'tap';
import { modePageDefinitionsOf } from '../../../target/scsi/mode-definitions-of.js';
import { inList, Rig } from './rig.js';

const PF = 0x10;
const BLOCKS = 1024;
const select = (page: Buffer) => {
  const list = Buffer.concat([Buffer.alloc(8), page]);
  return [Buffer.from([0x55, PF, 0, 0, 0, 0, 0, list.length >> 8, list.length & 0xff, 0]), list] as const;
};

for (const { code, subpage, defaults, changeable, check } of modePageDefinitionsOf({ tape: false, protection: 1 })) {
  const name = `${code.toString(16)}h/${subpage.toString(16)}h`;
  t.test(`page ${name}`, async (t) => {
    const header = subpage === 0 ? 2 : 4;
    const wrong: string[] = [];
    const host = new Rig({ protection: 1, blocks: BLOCKS }).host('a');
    for (let bit = header * 8; bit < defaults.length * 8; bit++) {
      const [byte, mask] = [bit >> 3, 0x80 >> (bit & 7)];
      const page = Buffer.from(defaults);
      page[byte]! ^= mask;
      host.run(...select(defaults));
      const result = host.run(...select(page));
      const may = (changeable[byte]! & mask) !== 0;
      const expected = may ? (check?.(page, BLOCKS) ?? null) : { byte, bit: 7 - (bit & 7) };
      const pointed = expected === null ? null : inList(8 + expected.byte, expected.bit);
      const { sense } = result;
      const same =
        pointed === null
          ? sense === null
          : sense?.name === pointed.name && JSON.stringify(sense.field) === JSON.stringify(pointed.field);
      if (!same) wrong.push(`byte ${byte} mask ${mask}: ${JSON.stringify(sense)}`);
      const now = host.run([0x5a, 8, code, subpage, 0, 0, 0, 2, 0, 0]).data.subarray(8);
      if (!now.equals(pointed === null ? page : defaults))
        wrong.push(`byte ${byte} mask ${mask}: ${now.toString('hex')}`);
    }
    t.same(wrong, []);
  });
}
