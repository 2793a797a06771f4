/** Logits of the next token where the vocabulary is read in 8 bits, against the product in float32. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLogits, recordLogits } from '../../src/nn/onnx/decoding/record.ts'
import { sampleToken } from '../../src/nn/onnx/decoding/sample.ts'
import { openSession, ortTensor, type OnnxSession } from '../../src/nn/onnx/session.ts'
import { OnnxGraph } from '../../src/nn/onnx/graph.ts'
import { openRandom } from '../../src/platform/random.ts'

const [size, width, count] = [2000, 32, 6]
const random = openRandom(1, 'logits')
const drawn = (length: number) => Float32Array.from({ length }, () => random.normal())
const words = { shape: [size, width], data: drawn(size * width).map((value) => value / 4) }
const lasts = drawn(count * width)

const sessions: OnnxSession[] = []
beforeAll(async () => {
  for (const inEightBits of [false, true]) {
    const graph = new OnnxGraph()
    const last = graph.input('last', 'float32', ['batch', width])
    recordLogits(graph, last, graph.weight('words', words), { size, inEightBits })
    sessions.push(await openSession(Uint8Array.from(graph.layOut())))
  }
})
afterAll(async () => Promise.all(sessions.map(async (session) => session.close())))

async function logitsOf(session: OnnxSession, data: Float32Array): Promise<Float32Array[]> {
  const rows = data.length / width
  const outputs = await session.run({ last: ortTensor({ shape: [rows, width], data }) })
  const { logits, rest } = readLogits(outputs)
  expect(rest).toEqual({})
  return Array.from({ length: rows }, (_, row) => logits.slice(row * size, (row + 1) * size))
}

test('the likeliest tokens and their log-probabilities are those of float32', async () => {
  const [exact, eight] = [await logitsOf(sessions[0]!, lasts), await logitsOf(sessions[1]!, lasts)]
  for (const [row, logits] of eight.entries()) {
    const order = [...exact[row]!.keys()].sort((a, b) => exact[row]![b]! - exact[row]![a]!)
    for (const token of order.slice(0, 64))
      expect(Math.abs(logits[token]! - exact[row]![token]!)).toBeLessThan(1e-5)
    const greedy = { temperature: 0, topP: 1 }
    const [one, other] = [sampleToken(exact[row]!, greedy, 0), sampleToken(logits, greedy, 0)]
    expect(other.token).toBe(one.token)
    expect(Math.abs(other.logProbability - one.logProbability)).toBeLessThan(1e-3)
    expect([...logits]).not.toEqual([...exact[row]!])
  }
})

/** |x · W − rough| of a token is at most this: half a step of the row and half a step of its column for each number. */
function mostError(row: Float32Array, word: Float32Array): number {
  const [half, own] = [most(row) / 127 / 2, most(word) / 63 / 2]
  return row.reduce(
    (sum, x, at) => sum + Math.abs(x) * own + Math.abs(word[at]!) * half + half * own,
    0,
  )
}

const most = (data: Float32Array) => Math.max(...data.map(Math.abs))

test('no rounding could have changed the likeliest token: every other one is further away than its largest error', async () => {
  const [exact, eight] = [await logitsOf(sessions[0]!, lasts), await logitsOf(sessions[1]!, lasts)]
  for (const [row, logits] of eight.entries()) {
    const last = lasts.slice(row * width, (row + 1) * width)
    const best = most(exact[row]!.map((value) => Math.max(0, value)))
    for (const [token, rough] of logits.entries()) {
      const allowed = mostError(last, words.data.slice(token * width, (token + 1) * width))
      expect(Math.abs(rough - exact[row]![token]!)).toBeLessThanOrEqual(allowed + 1e-5)
      if (Math.abs(rough - exact[row]![token]!) > 1e-5) expect(rough + allowed).toBeLessThan(best)
    }
  }
})

test('a row has the bits that it has alone', async () => {
  const all = await logitsOf(sessions[1]!, lasts)
  for (const [row, logits] of all.entries()) {
    const [alone] = await logitsOf(sessions[1]!, lasts.slice(row * width, (row + 1) * width))
    expect([...alone!]).toEqual([...logits])
  }
})
