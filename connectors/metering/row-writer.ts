import type { RowPlace } from './row-place.ts';

/** Writes rows for COPY, field by field in the order of the columns. */
export interface RowWriter {
  text(value: string | null | undefined): void;
  absent(): void;
  /** Of 32 bits. */
  integer(value: number): void;
  /** Of 64 bits, as far as a number is exact. */
  long(value: number): void;
  boolean(value: boolean): void;
  place(value: RowPlace): void;
  /** Days since 1970-01-01. */
  date(day: number): void;
  /** Epoch microseconds. */
  timestamp(micros: number): void;
  /** A decimal with six places, as an integer number of millionths. */
  millionths(value: number): void;
  endRow(): void;
}

/** Rows that are sent as they are. */
export interface CopyRows {
  readonly count: number;
  /** A view: valid until the next change. */
  readonly bytes: Buffer;
}
