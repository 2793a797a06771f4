/**
 * The load generator, in a process of its own so that its work is not measured as the server's waiting.
 *
 * `closedLoop`: clients that each ask again when answered. `openLoop`: requests at fixed instants whatever the answers do,
 * and latency from the instant that a request was due, so that a stall is not hidden by the requests it held back.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { connect } from 'node:net'
import { openHttp } from './http.mjs'

/** Runs a load in a child; what comes back is what the functions below return. */
export function load(kind, options) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ['child'])
    child.once('message', (result) => {
      resolve(result)
      child.disconnect()
    })
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${code}`)))
    child.send({ kind, options })
  })
}

/** Requests go around the texts, and around `models` where there are several. */
async function closedLoop({ port, model, models = [model], clients, texts, durationMs }) {
  const count = Math.max(texts.length, models.length)
  const requests = Array.from({ length: count }, (_, at) =>
    postOf(`/v1/models/${models[at % models.length]}/predict`, {
      inputs: [texts[at % texts.length]],
    }),
  )
  const raw = await Promise.all(Array.from({ length: clients }, () => openRawClient(port)))
  const latencies = []
  let failed = 0
  const start = performance.now()
  const ask = async (client, at) => {
    for (let turn = at; performance.now() - start < durationMs; turn += clients) {
      const began = performance.now()
      const status = await client.ask(requests[turn % requests.length])
      if (status === 200) latencies.push(performance.now() - began)
      else failed += 1
    }
  }
  await Promise.all(raw.map(ask))
  const elapsedMs = performance.now() - start
  for (const client of raw) client.close()
  return { latencies, failed, perSecond: (latencies.length / elapsedMs) * 1000 }
}

async function openLoop({ port, model, rate, total, texts, connections = 256 }) {
  const http = openHttp(port, connections)
  const answers = []
  const flying = new Set()
  const start = performance.now()
  for (let at = 0; at < total; at += 1) {
    const dueMs = start + (at / rate) * 1000
    while (performance.now() < dueMs) await new Promise((resolve) => setTimeout(resolve, 1))
    const text = at % texts.length
    const asked = http
      .post(`/v1/models/${model}/predict`, { inputs: [texts[text]] })
      .then(
        ({ status, body, headers }) => ({ status, body, headers }),
        (error) => ({ status: 0, body: { code: error.code }, headers: {} }),
      )
      .then(({ status, body, headers }) => {
        const ms = performance.now() - dueMs
        answers.push({ at, text, dueMs: dueMs - start, ms, status, ...named(body, headers) })
        flying.delete(asked)
      })
    flying.add(asked)
  }
  await Promise.all(flying)
  http.close()
  return { answers, startedAt: performance.timeOrigin + start }
}

function named(body, headers) {
  if (body.version === undefined) return { code: body.code }
  const agrees =
    headers['x-antikythera-version'] === body.version &&
    headers['x-antikythera-digest'] === body.digest
  const [{ label, scores }] = body.predictions
  return { version: body.version, digest: body.digest, agrees, label, scores }
}

if (process.argv[2] === 'child') {
  process.once('message', ({ kind, options }) => {
    void { closedLoop, openLoop }[kind](options).then((result) => process.send(result))
  })
}

const headEnd = Buffer.from('\r\n\r\n')

/** `ask(request)` resolves to the status. One request at a time. */
async function openRawClient(port) {
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
function postOf(path, body) {
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
