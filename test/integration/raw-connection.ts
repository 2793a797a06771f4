/** A connection by hand, for requests that no HTTP client would send. */
import { connect, type Socket } from 'node:net'

export interface RawConnection {
  readonly socket: Socket
  send(text: string): void
  /** What arrived until the server ended the connection. */
  readonly ended: Promise<string>
  /** Resolves when `text` has arrived. */
  arrived(text: string): Promise<void>
}

export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    received += text
  })
  const ended = new Promise<string>((resolve) => {
    socket.on('error', () => resolve(received))
    socket.on('close', () => resolve(received))
  })
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return {
    socket,
    ended,
    send: (text) => void socket.write(text),
    async arrived(text) {
      while (!received.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}

export function predictRequest(text: string, headers: readonly string[] = []): string {
  const body = JSON.stringify({ inputs: [text] })
  return [
    'POST /v1/models/m/predict HTTP/1.1',
    'Host: test',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n')
}
