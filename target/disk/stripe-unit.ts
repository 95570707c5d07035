/** Stripe units are multiples of this, so that a cache slot (16 KiB) lies on one drive. */
export const STRIPE_GRAIN = 16 * 1024;

/** Left out in the configuration: small, so that few writes fill less than a stripe. */
export const DEFAULT_STRIPE_BYTES = 64 * 1024;

export function isStripeUnit(bytes: number): boolean {
  return Number.isSafeInteger(bytes) && bytes > 0 && bytes % STRIPE_GRAIN === 0;
}

/** @throws RangeError naming the parity group */
export function checkStripeUnit(group: string, bytes: number): void {
  if (isStripeUnit(bytes)) return;
  throw new RangeError(`parity group ${group}: stripe unit of ${bytes} bytes, not a multiple of ${STRIPE_GRAIN}`);
}
