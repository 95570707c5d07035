/**
 * Destages of groups with stripes. A whole stripe is written without reading anything back, a part of one costs reads of
 * old data or checks, so what is dirty in a stripe goes in one, and a stripe that is being filled is given time.
 */
import type { CacheCore } from './core.js';
import type { DestageEntry } from './destage-jobs.js';
import { SLOT_BYTES } from './types.js';
import type { Volume } from './volume.js';

/** How long a stripe waits for the rest of what a host is writing one after the other. */
const PATIENCE_TICKS = 2;

/** Whether both are in the same stripe; false for groups without. */
export function sameStripe({ address: a }: DestageEntry, { address: b }: DestageEntry): boolean {
  const { stripeBytes } = a.group;
  if (stripeBytes === undefined) return false;
  return Math.floor(a.offset / stripeBytes) === Math.floor(b.offset / stripeBytes);
}

/**
 * Completes the stripes of which some slots were chosen.
 * @param pass of one group with stripes, ascending
 * @param ready whether a slot may be written now
 * @param urgent there must be something, even if it is only a stripe that is being filled
 */
export function wholeStripes(
  core: CacheCore,
  pass: readonly DestageEntry[],
  ready: (index: number) => boolean,
  urgent: boolean,
): DestageEntry[] {
  const whole: DestageEntry[] = [];
  const open: DestageEntry[] = [];
  for (let from = 0; from < pass.length; ) {
    let to = from + 1;
    while (to < pass.length && sameStripe(pass[from]!, pass[to]!)) to++;
    const stripe = pass.slice(from, to);
    from = to;
    if (stripe.length * SLOT_BYTES < stripe[0]!.address.group.stripeBytes!) addRest(core, stripe, ready);
    const rest = beingFilled(core, stripe) ? open : whole;
    rest.push(...stripe.sort((a, b) => a.address.offset - b.address.offset));
  }
  return urgent && whole.length === 0 ? open : whole;
}

/** Adds what else can be written of the stripe, of the volumes that have something in it. */
function addRest(core: CacheCore, stripe: DestageEntry[], ready: (index: number) => boolean): void {
  const { slots, volumes } = core;
  const { group, offset } = stripe[0]!.address;
  const start = offset - (offset % group.stripeBytes!);
  const known = new Set(stripe.map(({ index }) => index));
  const seen = new Set<Volume>();
  for (const { index, address } of [...stripe]) {
    const volume = volumes.get(slots.ownerOf(index)!.id)!;
    if (seen.has(volume)) continue;
    seen.add(volume);
    const first = slots.numbers[index]! - (address.offset - start) / SLOT_BYTES;
    for (let slot = Math.max(0, first); slot < first + group.stripeBytes! / SLOT_BYTES; slot++) {
      const other = slots.find(volume.own, slot);
      if (other < 0 || known.has(other) || !ready(other)) continue;
      const place = volume.backing.locate(slot);
      if (place?.group !== group || place.offset !== start + (slot - first) * SLOT_BYTES) continue;
      stripe.push({ index: other, address: place });
    }
  }
}

/** Whether a stripe lacks something and a host has just written in it last. */
function beingFilled(core: CacheCore, stripe: readonly DestageEntry[]): boolean {
  const { slots, volumes } = core;
  const [{ address }] = stripe as [DestageEntry];
  if (stripe.length * SLOT_BYTES === address.group.stripeBytes) return false;
  return stripe.some(({ index }) => {
    const { writtenSlot } = volumes.get(slots.ownerOf(index)!.id)!;
    return slots.numbers[index] === writtenSlot && slots.tick - slots.dirtySince[index]! < PATIENCE_TICKS;
  });
}
