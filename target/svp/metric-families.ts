/**
 * What /metrics shows, as a table; docs/operations.md holds it between markers. Nothing is counted for it: at
 * each scrape the values are read from the counters that the parts of the array keep anyway.
 */

import type { CacheStats } from '../cache/types.js';
import type { ChannelAdapterStats } from '../channel/statistics.js';
import type { DiskQueueStats } from '../disk/types.js';
import type { PortStats } from '../ports/iscsi/stats.js';
import type { LogicalUnit } from '../scsi/logical-unit.js';
import { DRIVE_STATES } from '../volumes/drive-bay.js';
import { ldevName } from '../volumes/model.js';
import type { ScrubInfo } from '../volumes/scrubs.js';
import type { ArrayView } from './view.js';

export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  /** Label values in the order of `labels`, and the value. */
  samples(array: ArrayView): Iterable<readonly [readonly string[], number]>;
}

const SECOND_NS = 1e9;

function family(
  name: string,
  type: MetricFamily['type'],
  help: string,
  labels: readonly string[],
  samples: MetricFamily['samples'],
): MetricFamily {
  return { name: `lunarray_${name}`, type, help, labels, samples };
}

/** Everything kept per logical unit. A unit nobody has used yet has no counters, and shows none. */
function perLdev(name: string, help: string, value: (unit: LogicalUnit) => number): MetricFamily {
  return family(`ldev_${name}`, 'counter', help, ['ldev'], function* (array) {
    for (const unit of array.units.units()) yield [[ldevName(unit.ldev.id)], value(unit)];
  });
}

function perAdapter(
  name: string,
  type: MetricFamily['type'],
  help: string,
  value: (stats: ChannelAdapterStats) => number,
): MetricFamily {
  return family(`cha_${name}`, type, help, ['port'], function* (array) {
    for (const { port, adapter } of array.ports) yield [[port.name], value(adapter.stats())];
  });
}

function perCache(
  name: string,
  type: MetricFamily['type'],
  help: string,
  value: (stats: CacheStats) => number,
): MetricFamily {
  return family(`cache_${name}`, type, help, [], function* (array) {
    yield [[], value(array.cache.stats())];
  });
}

function perPort(
  name: string,
  type: MetricFamily['type'],
  help: string,
  value: (stats: PortStats) => number,
): MetricFamily {
  return family(`port_${name}`, type, help, ['port'], function* (array) {
    for (const { port, endpoint } of array.ports) yield [[port.name], value(endpoint.stats())];
  });
}

function perScrub(
  name: string,
  type: MetricFamily['type'],
  help: string,
  value: (scrub: ScrubInfo) => number,
): MetricFamily {
  return family(`parity_group_${name}`, type, help, ['parity_group'], function* (array) {
    for (const scrub of array.volumes.scrubs.list()) yield [[scrub.parityGroup], value(scrub)];
  });
}

function perQueue(
  name: string,
  type: MetricFamily['type'],
  help: string,
  value: (stats: DiskQueueStats) => number,
): MetricFamily {
  return family(`dka_${name}`, type, help, ['adapter', 'queue'], function* (array) {
    for (const [queue, stats] of Object.entries(array.adapter.stats())) {
      yield [[array.adapter.name, queue], value(stats as DiskQueueStats)];
    }
  });
}

export const metricFamilies: readonly MetricFamily[] = [
  family('up_seconds', 'gauge', 'Time since the array started.', [], function* (array) {
    yield [[], array.uptimeSeconds()];
  }),

  perLdev('reads_total', 'READ commands done.', (u) => u.counters.reads),
  perLdev('writes_total', 'WRITE commands done.', (u) => u.counters.writes),
  perLdev('verifies_total', 'VERIFY commands done.', (u) => u.counters.verifies),
  perLdev('read_bytes_total', 'Bytes read by hosts.', (u) => u.counters.readBlocks * u.blockSize),
  perLdev('written_bytes_total', 'Bytes written by hosts.', (u) => u.counters.writtenBlocks * u.blockSize),
  perLdev('unmapped_bytes_total', 'Bytes unmapped by hosts.', (u) => u.counters.unmappedBlocks * u.blockSize),
  perLdev('read_errors_total', 'READ commands ended by a failure below them.', (u) => u.counters.readErrors),
  perLdev('write_errors_total', 'WRITE commands ended by a failure below them.', (u) => u.counters.writeErrors),
  family(
    'ldev_protection_losses_total',
    'counter',
    'Places (31 blocks of 512 bytes, 3 of 4096) whose protection information was lost and made anew by a write.',
    ['ldev'],
    function* (array) {
      for (const { id, informationLosses } of array.volumes.ldevs()) {
        yield [[ldevName(id)], informationLosses?.count ?? 0];
      }
    },
  ),
  family('ldev_capacity_bytes', 'gauge', 'Capacity.', ['ldev'], function* (array) {
    for (const ldev of array.volumes.ldevs()) yield [[ldevName(ldev.id)], ldev.blocks * ldev.blockSize];
  }),

  family('copies_running', 'gauge', 'Copies that hosts have the array make, under way.', ['ldev'], function* (array) {
    for (const { ldev, copies } of array.units.units()) {
      yield [[ldevName(ldev.id)], copies.list().filter(({ running }) => running).length];
    }
  }),
  family('copies_ended_total', 'counter', 'Of these, ended.', ['ldev', 'state'], function* (array) {
    for (const { ldev, copies } of array.units.units()) {
      for (const [state, count] of Object.entries(copies.totals().operations)) {
        yield [[ldevName(ldev.id), state], count];
      }
    }
  }),
  perLdev('copied_bytes_total', 'Bytes that copies sent to it wrote, wherever to.', (u) => u.copies.totals().bytes),
  perLdev(
    'copied_hole_bytes_total',
    'Of these, where the source held nothing: no data moved.',
    (u) => u.copies.totals().holeBytes,
  ),

  family('pool_bytes', 'gauge', 'Size of the pool.', ['pool'], function* (array) {
    for (const pool of array.volumes.pools()) yield [[pool.name], pool.bytes];
  }),
  family('pool_free_bytes', 'gauge', 'Bytes in regions that no LDEV has.', ['pool'], function* (array) {
    for (const pool of array.volumes.pools()) yield [[pool.name], pool.freeBytes];
  }),
  family('pool_tier_bytes', 'gauge', 'Size of a tier of the pool.', ['pool', 'tier'], function* (array) {
    for (const { name, tiers } of array.volumes.pools())
      for (const each of tiers) yield [[name, each.tier], each.bytes];
  }),
  family(
    'pool_tier_free_bytes',
    'gauge',
    'Bytes in regions of the tier that no LDEV has.',
    ['pool', 'tier'],
    function* (array) {
      for (const { name, tiers } of array.volumes.pools()) {
        for (const each of tiers) yield [[name, each.tier], each.freeBytes];
      }
    },
  ),
  family('drive_state', 'gauge', 'Drives by state: 1 for the one it is in.', ['drive', 'state'], function* (array) {
    for (const { name, state } of array.volumes.drives.list()) {
      for (const each of DRIVE_STATES) yield [[name, each], Number(each === state)];
    }
  }),
  family(
    'drive_rebuild_ratio',
    'gauge',
    'How much of a rebuild, or of a copy back, is done, 0 to 1.',
    ['drive'],
    function* (array) {
      for (const { name, progress } of array.volumes.drives.list()) if (progress !== null) yield [[name], progress];
    },
  ),
  family(
    'drive_read_errors_total',
    'counter',
    'Reads that failed; redundancy made up for them if it could.',
    ['drive'],
    function* (array) {
      for (const { name, readErrors } of array.volumes.drives.list()) yield [[name], readErrors];
    },
  ),
  family(
    'drive_write_errors_total',
    'counter',
    'Writes and syncs that failed, but for want of space.',
    ['drive'],
    function* (array) {
      for (const { name, writeErrors } of array.volumes.drives.list()) yield [[name], writeErrors];
    },
  ),
  family(
    'drive_corrupt_total',
    'counter',
    'Places that held something wrong, and have been mended.',
    ['drive'],
    function* (array) {
      for (const { name, corrupt } of array.volumes.drives.list()) yield [[name], corrupt];
    },
  ),
  perScrub('scrub_running', 'gauge', '1: a scrub is going on.', (s) => Number(s.running)),
  perScrub('scrub_ratio', 'gauge', 'How much of it is done, 0 to 1.', (s) => s.progress),
  perScrub('scrub_passes_total', 'counter', 'Scrubs ended since the group was made.', (s) => s.passes),
  perScrub('mended_blocks_total', 'counter', 'Blocks found bad on a drive and written again.', (s) => s.mended),
  perScrub('corrected_checks_total', 'counter', 'Blocks of parity or copies made right.', (s) => s.checks),
  perScrub('lost_blocks_total', 'counter', 'Blocks given up: they could not be recovered.', (s) => s.lost),
  family('drive_predicted_failure', 'gauge', '1: the drive is predicted to fail.', ['drive'], function* (array) {
    for (const { name, failurePredicted } of array.volumes.drives.list()) yield [[name], Number(failurePredicted)];
  }),
  family('ldev_assigned_bytes', 'gauge', 'Bytes in regions assigned to it.', ['ldev'], function* (array) {
    for (const { id } of array.volumes.ldevs()) yield [[ldevName(id)], array.volumes.assignedBytes(id)];
  }),

  perPort('connections', 'gauge', 'TCP connections.', (s) => s.connections),
  perPort('sessions', 'gauge', 'iSCSI sessions.', (s) => s.sessions),
  perPort('connections_accepted_total', 'counter', 'Connections accepted.', (s) => s.connectionsAccepted),
  perPort('connections_refused_total', 'counter', 'Connections refused, over the limit.', (s) => s.connectionsRefused),
  perPort('connections_dropped_total', 'counter', 'Dropped for an error or a time-out.', (s) => s.connectionsDropped),
  perPort('logins_total', 'counter', 'Logins that succeeded.', (s) => s.loginsOk),
  perPort('login_failures_total', 'counter', 'Logins that failed.', (s) => s.loginsFailed),
  perPort('rejects_total', 'counter', 'Reject PDUs sent.', (s) => s.rejects),
  perPort('header_digest_errors_total', 'counter', 'Header digests that were wrong.', (s) => s.headerDigestErrors),
  perPort('data_digest_errors_total', 'counter', 'Data digests that were wrong.', (s) => s.dataDigestErrors),
  perPort('snacks_total', 'counter', 'SNACK requests.', (s) => s.snacks),
  perPort('recovery_r2ts_total', 'counter', 'R2Ts for data that was lost.', (s) => s.recoveryR2ts),
  perPort('kept_bytes', 'gauge', 'What was sent and is kept until it is acknowledged.', (s) => s.keptBytes),
  perPort('received_bytes_total', 'counter', 'Bytes received, headers included.', (s) => s.bytesIn),
  perPort('sent_bytes_total', 'counter', 'Bytes sent, headers included.', (s) => s.bytesOut),
  perPort('writes_total', 'counter', 'Gathered writes given to the kernel.', (s) => s.writes),
  ...(['in', 'out'] as const).map((direction) =>
    family(
      `port_pdus_${direction}_total`,
      'counter',
      `PDUs ${direction}, by opcode.`,
      ['port', 'pdu'],
      function* (array) {
        for (const { port, endpoint } of array.ports) {
          const stats = endpoint.stats();
          const counts = direction === 'in' ? stats.pdusIn : stats.pdusOut;
          for (const [pdu, count] of Object.entries<number>(counts)) yield [[port.name, pdu], count];
        }
      },
    ),
  ),

  perAdapter('depth', 'gauge', 'Commands in the channel adapter.', (s) => s.depth),
  perAdapter('depth_max', 'gauge', 'Most commands there were at a time.', (s) => s.maxDepth),
  perAdapter('arrivals_total', 'counter', 'Commands that arrived.', (s) => s.arrivals),
  perAdapter('completed_total', 'counter', 'Commands answered.', (s) => s.completed),
  perAdapter('aborted_total', 'counter', 'Commands that ended without an answer.', (s) => s.aborted),
  perAdapter(
    'wait_seconds_total',
    'counter',
    'From arrival until the command might run, summed.',
    (s) => s.waitNs / SECOND_NS,
  ),
  perAdapter('service_seconds_total', 'counter', 'From there to its end, summed.', (s) => s.serviceNs / SECOND_NS),
  perAdapter('in_bytes_total', 'counter', 'Data from the array to hosts.', (s) => s.bytesIn),
  perAdapter('out_bytes_total', 'counter', 'Data from hosts to the array.', (s) => s.bytesOut),
  perAdapter('task_management_total', 'counter', 'Task management functions.', (s) => s.taskManagement),
  family('cha_status_total', 'counter', 'Commands answered, by SCSI status.', ['port', 'status'], function* (array) {
    for (const { port, adapter } of array.ports) {
      for (const [status, count] of Object.entries(adapter.stats().byStatus)) yield [[port.name, status], count];
    }
  }),

  family('cache_slots', 'gauge', 'Slots by state.', ['state'], function* (array) {
    const { freeSlots, cleanSlots, dirtySlots } = array.cache.stats();
    yield [['free'], freeSlots];
    yield [['clean'], cleanSlots];
    yield [['dirty'], dirtySlots];
  }),
  perCache('sides', 'gauge', 'Cache sides that hold what hosts wrote.', (s) => s.sides),
  perCache('sides_wanted', 'gauge', 'Cache sides configured: 2 with `cacheDuplex`.', (s) => s.sidesWanted),
  perCache('slot_bytes', 'gauge', 'Size of a slot.', (s) => s.slotBytes),
  perCache('pinned_slots', 'gauge', 'Slots being sent to hosts.', (s) => s.pinnedSlots),
  perCache('waiting', 'gauge', 'Commands waiting for slots or for the destager.', (s) => s.waiting),
  perCache('reads_total', 'counter', 'Read requests.', (s) => s.reads),
  perCache('writes_total', 'counter', 'Write requests.', (s) => s.writes),
  perCache('read_hits_total', 'counter', 'Read requests that found everything.', (s) => s.readHits),
  perCache('read_misses_total', 'counter', 'Read requests that did not.', (s) => s.readMisses),
  perCache('write_hits_total', 'counter', 'Writes to slots that were in the cache.', (s) => s.writeHits),
  perCache('evictions_total', 'counter', 'Slots given to other data.', (s) => s.evictions),
  perCache('staged_bytes_total', 'counter', 'Read from the drives.', (s) => s.stagedBytes),
  perCache('read_ahead_bytes_total', 'counter', 'Of these, before anybody asked.', (s) => s.readAheadBytes),
  perCache('destaged_bytes_total', 'counter', 'Written to the drives.', (s) => s.destagedBytes),
  perCache('stage_failures_total', 'counter', 'Stages that failed.', (s) => s.stageFailures),
  perCache('destage_failures_total', 'counter', 'Destages that failed.', (s) => s.destageFailures),
  perCache('slot_waits_total', 'counter', 'Commands that had to wait for slots.', (s) => s.slotWaits),
  perCache(
    'throttled_writes_total',
    'counter',
    'Writes slowed down because of much dirty data.',
    (s) => s.throttledWrites,
  ),
  perCache(
    'throttle_wait_seconds_total',
    'counter',
    'What these waited for it, summed.',
    (s) => s.throttledNs / SECOND_NS,
  ),

  perQueue('depth', 'gauge', 'Jobs waiting or running.', (s) => s.depth),
  perQueue('submitted_total', 'counter', 'Jobs submitted.', (s) => s.submitted),
  perQueue('completed_total', 'counter', 'Jobs done.', (s) => s.completed),
  perQueue('failed_total', 'counter', 'Jobs failed, of those done.', (s) => s.failed),
  perQueue(
    'immediate_total',
    'counter',
    'Jobs answered from the page cache at once, of those done.',
    (s) => s.immediate,
  ),
  perQueue('operations_total', 'counter', 'Operations on parity groups; adjacent jobs share one.', (s) => s.operations),
  perQueue('bytes_total', 'counter', 'Bytes moved.', (s) => s.bytes),
  perQueue('wait_seconds_total', 'counter', 'From submission to start, summed.', (s) => s.waitNs / SECOND_NS),
  perQueue('service_seconds_total', 'counter', 'From start to end, summed.', (s) => s.serviceNs / SECOND_NS),
];
