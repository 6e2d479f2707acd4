/** The anchor is moved along so that it never falls half a circle behind. */
const circle = 0x1_0000_0000;

/**
 * Widens 32-bit transaction ids to 64 bits by the nearest distance to an anchor (protocol P2): a live transaction
 * is never more than 2^31 away from the newest one.
 */
export class XidWidener {
  #anchor: number;

  /** `anchor`: any 64-bit xid of the present, such as a snapshot's xmax. */
  constructor(anchor: number) {
    this.#anchor = anchor;
  }

  widen(xid: number): number {
    const distance = (xid - (this.#anchor % circle)) | 0;
    const wide = this.#anchor + distance;
    // Before the first wrap nothing lies below zero.
    const result = wide < 0 ? wide + circle : wide;
    if (result > this.#anchor) this.#anchor = result;
    return result;
  }
}
