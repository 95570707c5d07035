/** Index of the first of `count` ordered things that is not `before` what is sought; `count` if all are. */
export function firstIndex(count: number, before: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
