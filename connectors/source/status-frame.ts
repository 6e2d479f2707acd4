import { postgresEpochMicros } from './pgoutput.ts';

/**
 * Standby status update: 'r' written:8 flushed:8 applied:8 clock:8 replyRequested:1, the exact LSNs. (One more than
 * was confirmed, as some clients send it, keeps a server from shutting down.) `asks`: the server is to answer at once.
 */
export function statusFrame(receivedLsn: number, confirmedLsn: number, nowMicros: number, asks: boolean): Buffer {
  const frame = Buffer.alloc(34);
  frame[0] = 0x72;
  writeInt64(frame, 1, Math.max(receivedLsn, confirmedLsn));
  writeInt64(frame, 9, confirmedLsn);
  writeInt64(frame, 17, confirmedLsn);
  writeInt64(frame, 25, nowMicros - postgresEpochMicros);
  frame[33] = asks ? 1 : 0;
  return frame;
}

function writeInt64(frame: Buffer, at: number, value: number): void {
  frame.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  frame.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}
