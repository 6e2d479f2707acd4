import { connect } from 'node:net';

/**
 * True if a broker answers on this port of the loopback interface. It is asked for the versions of its API, the one request
 * that every broker answers to anybody; it answers only once it has left its start-up behind.
 */
export function brokerAnswers(port: number, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: timeoutMs });
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.on('connect', () => socket.write(apiVersionsRequest()));
    socket.on('data', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}

/** int32 size | int16 API key 18 | int16 version 0 | int32 correlation id | int16 length of the client's name, -1 for none */
function apiVersionsRequest(): Buffer {
  const request = Buffer.alloc(14);
  request.writeInt32BE(10, 0);
  request.writeInt16BE(18, 4);
  request.writeInt16BE(0, 6);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12);
  return request;
}
