/**
 * One kept-alive connection that sends a prepared request and waits for the end of its answer. The load generator shares
 * the cores with the server, so that what it saves is measured as the server's: no agent, no header objects, no JSON.
 */
import { connect } from 'node:net'

const headEnd = Buffer.from('\r\n\r\n')

/** `ask(request)` resolves to the status. One request at a time. */
export async function openRawClient(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let answer = Buffer.alloc(0)
  let waiting
  const fail = (error) => waiting?.reject(error ?? new Error('the server closed the connection'))
  socket.on('error', fail)
  socket.on('close', () => fail())
  socket.on('data', (chunk) => {
    answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk])
    const status = statusOf(answer)
    if (status === undefined) return
    answer = Buffer.alloc(0)
    waiting.resolve(status)
  })
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request)
      }),
    close: () => socket.destroy(),
  }
}

/** The bytes of a POST, made once for each text. */
export function postOf(path, body) {
  const payload = JSON.stringify(body)
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(payload)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${payload}`)
}

/** Undefined until the whole answer is there. */
function statusOf(answer) {
  const end = answer.indexOf(headEnd)
  if (end < 0) return undefined
  const head = answer.toString('latin1', 0, end)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)
  if (length === null) throw new Error('an answer without content-length')
  if (answer.length < end + headEnd.length + Number(length[1])) return undefined
  return Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
}
