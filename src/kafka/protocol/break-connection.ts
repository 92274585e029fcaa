/**
 * Ends a connection of kafkajs 2.2.4 at once, with all that waits on it.
 *
 * A broker that holds a request reads nothing else of its connection, and kafkajs' own `disconnect()` waits for every answer.
 * kafkajs' listeners do not know which socket they belong to: the late `end` of a socket that has been given up would end the
 * connection that was opened after it. So they are taken off.
 */
import type { Socket } from 'node:net';
import kafkajs from 'kafkajs';

/** The part of kafkajs' `Connection` that is used here. */
export interface BreakableConnection {
  readonly socket: Socket | null;
  readonly authHandlers: { onError(): void } | null;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  rejectRequests(error: Error): void;
  disconnect(): Promise<unknown>;
}

/** Length of a response, with which it begins. */
const SIZE_BYTES = 4;

/**
 * Rejects what waits for an answer, and leaves the connection ready to be opened again.
 * @param reason said in the error of each request, and in the log of kafkajs
 */
export async function breakConnection(connection: BreakableConnection, reason: string): Promise<void> {
  const { socket } = connection;
  connection.rejectRequests(new kafkajs.KafkaJSConnectionError(reason));
  // While it connects, nothing was sent that could be held.
  if (socket && !socket.connecting) {
    connection.authHandlers?.onError();
    socket.removeAllListeners();
    socket.on('error', () => {}); // Nobody waits for anything of it.
    socket.destroy();
    connection.chunks = [];
    connection.bytesBuffered = 0;
    connection.bytesNeeded = SIZE_BYTES;
  }
  await connection.disconnect();
}
