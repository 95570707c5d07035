import t from 'tap';
import {
  Action,
  actions,
  CLASSES,
  classIndex,
  concerns,
  conflictMatrix,
} from '../../../target/channel/conflict-matrix.js';
import type { ConflictClass } from '../../../target/scsi/command-table.js';

const classes = Object.keys(conflictMatrix) as ConflictClass[];

t.test('the number tables say what the matrix says', async (t) => {
  t.equal(classes.length, CLASSES);
  for (const fresh of classes) {
    for (const older of classes) {
      const action = conflictMatrix[fresh][older];
      const at = classIndex[fresh] * CLASSES + classIndex[older];
      t.equal(actions[at], Action[action], `${fresh} after ${older}`);
      t.equal((concerns[classIndex[fresh]]! >> classIndex[older]) & 1, action === 'pass' ? 0 : 1);
    }
  }
});

t.test('what the matrix must hold to', async (t) => {
  for (const other of classes) {
    t.equal(conflictMatrix.inquire[other], 'pass', 'inquiries never wait');
    t.equal(conflictMatrix[other].inquire, 'pass', 'and hold nothing up');
    if (other !== 'inquire') t.equal(conflictMatrix.configure[other], 'wait', `configure after ${other}`);
    if (other !== 'inquire') t.equal(conflictMatrix[other].configure, 'wait', `${other} after configure`);
  }
  const changes = ['write', 'write-any'] as const;
  for (const change of changes) {
    for (const other of ['read', ...changes] as const) {
      t.not(conflictMatrix[change][other], 'pass', `${change} after ${other}`);
      t.not(conflictMatrix[other][change], 'pass', `${other} after ${change}`);
    }
    t.equal(conflictMatrix.flush[change], 'wait', 'a flush covers what came before it');
  }
});
