/** A fault rule in words: `read of 00:00 LBA 100: medium-error, every 3rd …`. */
import type { FaultReply } from '../svp/control/api.js';

export function describeFault(fault: FaultReply): string {
  const actions = [delayOf(fault), connectionOf(fault), fault.sense ?? '', responseOf(fault)].filter(
    (each) => each !== '',
  );
  const limits = [
    fault.probability < 1 ? `${fault.probability * 100} % of them (seed ${fault.seed})` : '',
    fault.skip > 0 ? `after the first ${fault.skip}` : '',
    fault.every > 1 ? `every ${ordinal(fault.every)}` : '',
    fault.limit === null ? '' : `${fault.limit === 1 ? 'once' : `${fault.limit} times`} at most`,
    fault.forMs === null ? '' : `for ${fault.forMs} ms`,
    fault.initiator === null ? '' : `from ${fault.initiator}`,
    fault.port === null ? '' : `through ${fault.port}`,
  ].filter((each) => each !== '');
  const where = fault.ldev ?? 'every LDEV';
  return `${subjectOf(fault)} of ${where}${rangeOf(fault)}: ${[actions.join(', then '), ...limits].join(', ')}`;
}

function subjectOf({ op, command, function: name }: FaultReply): string {
  if (name !== null) return name === 'any' ? 'any task management' : name;
  return command === 'any' ? 'any command' : (command ?? op ?? 'any');
}

function responseOf({ response }: FaultReply): string {
  if (response === null) return '';
  return response === 'none' ? 'no response' : `response ${response}`;
}

function rangeOf({ lba, blocks }: FaultReply): string {
  if (lba === null && blocks === null) return '';
  return ` LBA ${lba ?? 0}${blocks === null ? '' : ` + ${blocks}`}`;
}

function delayOf({ delayMs, delayMaxMs, delayDistribution, delayDeviationMs }: FaultReply): string {
  const most = delayMaxMs === null ? '' : `, at most ${delayMaxMs}`;
  if (delayDistribution === 'exponential') return `delay (exponential, mean ${delayMs} ms${most})`;
  if (delayDistribution === 'normal') return `delay (normal, mean ${delayMs} ms ± ${delayDeviationMs}${most})`;
  if (delayMaxMs !== null) return `${delayMs}-${delayMaxMs} ms delay`;
  return delayMs === 0 ? '' : `${delayMs} ms delay`;
}

function connectionOf({ connection, stallMs }: FaultReply): string {
  return stallMs === null ? (connection ?? '') : `${connection} for ${stallMs} ms`;
}

const endings = ['th', 'st', 'nd', 'rd'];

function ordinal(n: number): string {
  const teens = Math.floor((n % 100) / 10) === 1;
  return `${n}${(teens ? undefined : endings[n % 10]) ?? 'th'}`;
}
