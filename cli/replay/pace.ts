import { monotonicMs } from '../../runtime/clock.ts';

/** How far long work is, for people. */
export class Pace {
  private readonly of: number;
  private readonly begunMs = monotonicMs();

  constructor(of: number) {
    this.of = of;
  }

  told(what: string, done: number): string {
    const seconds = (monotonicMs() - this.begunMs) / 1000;
    const rate = seconds === 0 ? 0 : Math.round(done / seconds);
    const rest =
      rate === 0 ? '' : `, ${number(rate)} a second, about ${number(Math.ceil((this.of - done) / rate))} s to go`;
    return `${what}: ${number(done)} of ${number(this.of)} events${rest}`;
  }
}

function number(value: number): string {
  return value.toLocaleString('en-GB');
}
