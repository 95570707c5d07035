/** Session options that a URL implies. */
import type { SessionOptions } from './options.js';
import type { IscsiUrl } from './url.js';

export function optionsOf(url: IscsiUrl): SessionOptions {
  return {
    ...(url.chap && { chap: url.chap }),
    ...(url.mutualChap && { mutualChap: url.mutualChap }),
    ...(url.headerDigest && { headerDigest: url.headerDigest }),
    ...(url.errorRecoveryLevel !== null && { errorRecoveryLevel: url.errorRecoveryLevel }),
    ...(url.connections !== null && { connections: url.connections }),
    ...(url.dataDigest && { dataDigest: url.dataDigest }),
  };
}
