/** Doubly linked lists of slot indices. A slot is in one list at most, so all of them share two arrays of links. */
export class SlotLinks {
  readonly next: Int32Array;
  readonly prev: Int32Array;

  constructor(slots: number) {
    this.next = new Int32Array(slots);
    this.prev = new Int32Array(slots);
  }
}

export class SlotList {
  /** −1: empty. */
  head = -1;
  tail = -1;
  length = 0;
  readonly #next: Int32Array;
  readonly #prev: Int32Array;

  constructor(links: SlotLinks) {
    this.#next = links.next;
    this.#prev = links.prev;
  }

  /** −1 behind the tail. */
  after(index: number): number {
    return this.#next[index]!;
  }

  /** From the head on; the list must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let index = this.head; index >= 0; index = this.#next[index]!) yield index;
  }

  pushHead(index: number): void {
    this.#next[index] = this.head;
    this.#prev[index] = -1;
    if (this.head < 0) this.tail = index;
    else this.#prev[this.head] = index;
    this.head = index;
    this.length++;
  }

  pushTail(index: number): void {
    this.#next[index] = -1;
    this.#prev[index] = this.tail;
    if (this.tail < 0) this.head = index;
    else this.#next[this.tail] = index;
    this.tail = index;
    this.length++;
  }

  remove(index: number): void {
    const next = this.#next[index]!;
    const prev = this.#prev[index]!;
    if (prev < 0) this.head = next;
    else this.#next[prev] = next;
    if (next < 0) this.tail = prev;
    else this.#prev[next] = prev;
    this.length--;
  }
}
