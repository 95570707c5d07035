import type { Command } from 'commander';
import { thirdPartyCopyIn } from '../../../wire/scsi/cdb-build.js';
import { decodeParameters } from '../../../wire/scsi/copy-results.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { ProtocolError } from '../../errors.js';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { bytesText, pairs } from '../format.js';

const ALLOCATION_BYTES = 4096;

export function copystatusCommand(): Command {
  return command('copystatus', 'tell what copies the array can make by itself (RECEIVE COPY OPERATING PARAMETERS)', [
    'copystatus iscsi://127.0.0.1:3260/iqn.example/0',
  ])
    .argument('<url>', 'the logical unit that is to get copy commands')
    .action(async (url: string, options: CommonOptions) => {
      const cdb = thirdPartyCopyIn(CopyIn.parameters, 0, ALLOCATION_BYTES);
      const { data } = await withUnit(url, options, (unit) => unit.execute(cdb, { dataIn: ALLOCATION_BYTES }));
      const parameters = decodeParameters(data);
      if (parameters === null) throw new ProtocolError('RECEIVE COPY OPERATING PARAMETERS: the answer is cut short');
      print(options, parameters, () =>
        pairs([
          ['CSCD descriptors', parameters.cscds],
          ['segment descriptors', parameters.segments],
          ['descriptors', bytesText(parameters.descriptorBytes)],
          ['longest segment', parameters.segmentBytes === 0 ? 'any' : bytesText(parameters.segmentBytes)],
          ['inline data', bytesText(parameters.inlineBytes)],
          ['held data', bytesText(parameters.heldBytes)],
          ['copies at a time', `${parameters.concurrent}, of which with an identifier ${parameters.identified}`],
          ['descriptor types', parameters.types.map((type) => `${type.toString(16).padStart(2, '0')}h`).join(' ')],
        ]),
      );
    });
}
