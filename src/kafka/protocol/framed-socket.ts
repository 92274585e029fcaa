/**
 * A guarded extension of kafkajs 2.2.4: sockets that read each response straight into one buffer of its size.
 *
 * Stock takes what a socket brings in chunks of 64 kB, a new buffer each, joins them when a response is whole, and, for the
 * empty rest of the response before stays in its list, copies also one that came whole. For large fetches that is most of
 * their cost (reading 120-byte records: two fifths of the CPU time, copying and garbage). Here Node is handed the memory to
 * read into (`onread` of `net.connect`), the size of the response is read first, and kafkajs sees one `data` event a
 * response. Clients that were not given this factory behave as stock, and so do TLS connections, for which Node has no `onread`.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isIP } from 'node:net';
import type { ISocketFactory } from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import { kafkajsInternal } from './guard.ts';
import { responseBuffer } from './response-buffers.ts';

const KEEP_ALIVE_MS = 60_000;
const SIZE_BYTES = 4;
/** Nothing that a broker answers comes near it: another protocol speaks at this port. */
const MAX_RESPONSE_BYTES = 1 << 30;

/** The part of kafkajs' `Connection` that is used here. */
interface ConnectionInternals {
  readonly socket: Socket | null;
  chunks: Buffer[];
  readonly bytesBuffered: number;
  processData(data: Buffer): void;
}

const framed = new WeakSet<Socket>();
let isInstalled = false;

/**
 * The `socketFactory` of a kafkajs client whose responses come whole.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function createFramedSockets(): ISocketFactory {
  install();
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : framedSocket(host, port, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return socket;
  };
}

function framedSocket(host: string, port: number, onConnect: () => void): Socket {
  const size = Buffer.alloc(SIZE_BYTES);
  /** Where what comes next is put: the size of a response, or the response with its size in front. */
  let into = size;
  let filled = 0;
  const socket = connect(
    {
      host,
      port,
      onread: {
        buffer: () => (filled === 0 ? into : into.subarray(filled)),
        callback: (bytes) => {
          filled += bytes;
          if (filled < into.length) return true;
          const whole = into;
          if (whole === size) {
            const rest = size.readInt32BE(0);
            if (rest <= 0 || rest > MAX_RESPONSE_BYTES) {
              socket.destroy(new Error(`${host}:${port} answers with ${rest} bytes: it does not speak the protocol of Kafka`));
              return false;
            }
            into = responseBuffer(SIZE_BYTES + rest);
            size.copy(into);
            return true;
          }
          into = size;
          filled = 0;
          socket.emit('data', whole);
          return true;
        },
      },
    },
    onConnect,
  );
  framed.add(socket);
  return socket;
}

/** Makes kafkajs forget the empty rest of the last response, with which it would join, and so copy, the next. */
function install(): void {
  if (isInstalled) return;
  const connection = kafkajsInternal<{ prototype: ConnectionInternals }>('src/network/connection.js').prototype;
  const { processData } = connection;
  if (typeof processData !== 'function') {
    throw new WeirError('state_invalid', 'kafkajs does not have the internals that weir extends; reinstall the exact version with npm ci.');
  }
  connection.processData = function processWhole(data): void {
    if (this.bytesBuffered === 0 && this.socket && framed.has(this.socket)) this.chunks = [];
    processData.call(this, data);
  };
  isInstalled = true;
}
