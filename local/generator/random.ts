/**
 * A seeded source of randomness: the same seed gives the same numbers on every machine, for ever.
 * It is a 32-bit xorshift-multiply generator over a counter, so that a stream may be opened anywhere.
 */
export class Random {
  #state: number;

  private constructor(state: number) {
    this.#state = state;
  }

  /** Streams with different seeds or names are independent of each other. */
  static of(...seed: readonly (number | string)[]): Random {
    let state = 0x51ab3c17;
    for (const part of seed) state = typeof part === 'number' ? foldNumber(state, part) : foldText(state, part);
    return new Random(state);
  }

  /** An integer in [0, 2^32). */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return scramble(this.#state) >>> 0;
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.bits() / 0x1_0000_0000;
  }

  /** An integer in [0, below); `below` may be up to 2^53. */
  integer(below: number): number {
    if (below <= 0x1_0000_0000) return Math.floor(this.fraction() * below);
    const wide = this.bits() * 0x20_0000 + (this.bits() >>> 11);
    return wide % below;
  }

  /** An integer in [least, most], both included; `least` where the range is empty. */
  between(least: number, most: number): number {
    return most <= least ? least : least + this.integer(most - least + 1);
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.integer(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  }

  /** Picks by weight: the weights need not add up to anything. */
  weighted<T>(choices: readonly Weighted<T>[]): T {
    let total = 0;
    for (const choice of choices) total += choice.weight;
    let rest = this.fraction() * total;
    for (const choice of choices) {
      rest -= choice.weight;
      if (rest < 0) return choice.value;
    }
    const last = choices.at(-1);
    if (last === undefined) throw new RangeError('nothing to pick from');
    return last.value;
  }

  /** Decimal digits, leading zeros included. */
  digits(count: number): string {
    let text = '';
    for (let i = 0; i < count; i += 1) text += String(this.integer(10));
    return text;
  }
}

export interface Weighted<T> {
  readonly value: T;
  readonly weight: number;
}

function scramble(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}

function foldNumber(state: number, value: number): number {
  const low = scramble(state ^ (value | 0));
  return scramble(low ^ Math.floor(value / 0x1_0000_0000));
}

function foldText(state: number, text: string): number {
  let folded = state;
  for (let i = 0; i < text.length; i += 1) folded = scramble(folded ^ text.charCodeAt(i)) + i;
  return folded;
}
