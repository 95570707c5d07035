import type { Command } from 'commander';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { bytesText, grouped, pairs } from '../format.js';

export function readcapCommand(): Command {
  return command('readcap', 'tell capacity and block size', ['readcap iscsi://127.0.0.1:3260/iqn.example/0'])
    .argument('<url>', 'the logical unit')
    .action(async (url: string, options: CommonOptions) => {
      const capacity = await withUnit(url, options, (unit) => unit.readCapacity());
      print(options, capacity, () =>
        pairs([
          ['capacity', `${bytesText(capacity.bytes)} (${grouped(capacity.bytes)} bytes)`],
          ['blocks', grouped(capacity.blocks)],
          ['block size', `${capacity.blockSize} bytes`],
          ['physical block', `${capacity.blockSize * capacity.blocksPerPhysical} bytes`],
          ['lowest aligned', capacity.lowestAligned],
          ['thin', capacity.provisioningManaged ? 'yes' : 'no'],
          ['unmapped reads', capacity.readsZeros ? 'zeros' : 'not told'],
          ['protection', capacity.protectionEnabled ? `type ${capacity.protectionType}` : 'none'],
        ]),
      );
    });
}
