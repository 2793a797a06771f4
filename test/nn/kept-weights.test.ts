/** The numbers of a large base lie in a file of the cache, whatever becomes of it; a small base has none. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import { areUnkept, KeptTensor, keptWeights, weightFolder } from '../../src/nn/kept-weights.ts'
import { openOrtPool } from '../../src/nn/onnx/pool.ts'
import { recordGraph, type OnnxModel } from '../../src/nn/record.ts'
import { openRandom } from '../../src/platform/random.ts'
import { scratchFolder } from '../scratch-folder.ts'

const WIDTH = 4096
let large: Tensors
const small: Tensors = new Map([['v', { shape: [2], data: Float32Array.of(1, 2) }]])

beforeAll(() => {
  const random = openRandom(1, 'weights')
  const data = new Float32Array(WIDTH * WIDTH).map(() => random.uniform() - 0.5)
  large = new Map([['w', { shape: [WIDTH, WIDTH], data }], ...small])
})
beforeEach(() => {
  vi.stubEnv('XDG_CACHE_HOME', scratchFolder())
  onTestFinished(() => void vi.unstubAllEnvs())
})

const pathOf = (hash: string) => join(weightFolder(), `${hash}.bin`)
const isSame = (a: Tensor | undefined, b: Tensor | undefined) =>
  Buffer.from(a!.data.buffer).equals(Buffer.from(b!.data.buffer))

/** x · w, computed by ONNX Runtime. */
async function product(model: () => OnnxModel): Promise<Buffer> {
  const pool = openOrtPool({ workers: 1 })
  try {
    await pool.addSession('w', model)
    const data = new Float32Array(3 * WIDTH).map((_, at) => Math.sin(at))
    const { y } = await pool.run({ session: 'w', feeds: { x: { shape: [1, 3, WIDTH], data } } })
    return Buffer.from(y!.data.buffer)
  } finally {
    await pool.close()
  }
}

function graphOf(weights: Tensors): OnnxModel {
  return recordGraph({
    weights,
    build: (ops, graph) => ({
      y: ops.matMul(graph.input('x', 'float32', ['b', 's', WIDTH]), ops.weight('w')),
    }),
  })
}

test('a session that maps the file answers with the bits of one that holds the numbers', async () => {
  const kept = keptWeights(large, 'a')
  expect(graphOf(kept).byteLength).toBeLessThan(1000)
  expect(await product(() => graphOf(kept))).toEqual(await product(() => graphOf(large)))
  for (const [name, tensor] of kept) {
    expect(tensor).toBeInstanceOf(KeptTensor)
    expect(isSame(tensor, large.get(name))).toBe(true)
  }
  expect(areUnkept(kept)).toBe(false)
  expect(readdirSync(weightFolder())).toEqual(['a.bin'])
})

test.each([
  ['with another number', (path: string) => writeFileSync(path, Buffer.alloc(8), { flag: 'r+' })],
  ['that is too short', (path: string) => truncateSync(path, 8)],
])('a file %s is written again, and found complete after that', (_, spoil) => {
  keptWeights(large, 'a')
  const whole = readFileSync(pathOf('a'))
  spoil(pathOf('a'))
  const kept = keptWeights(large, 'a')
  expect(isSame(kept.get('w'), large.get('w'))).toBe(true)
  expect(readFileSync(pathOf('a')).equals(whole)).toBe(true)
})

test('a folder that is removed meanwhile is written again before a session opens', async () => {
  const kept = keptWeights(large, 'a')
  const model = () => graphOf(kept)
  const before = await product(model)
  rmSync(weightFolder(), { recursive: true })
  expect(await product(model)).toEqual(before)
  expect(existsSync(pathOf('a'))).toBe(true)
})

test('what a killed process left behind goes when the file is written', () => {
  mkdirSync(weightFolder(), { recursive: true })
  // A number that no system gives to a process.
  writeFileSync(join(weightFolder(), '.tmp-4194999-1-a.bin'), 'half')
  keptWeights(large, 'a')
  expect(readdirSync(weightFolder())).toEqual(['a.bin'])
})

test('without a folder to write to, the numbers stay in memory', async () => {
  writeFileSync(join(process.env.XDG_CACHE_HOME!, 'antikythera'), 'no folder')
  const held = keptWeights(large, 'a')
  expect(held.get('w')).not.toBeInstanceOf(KeptTensor)
  expect([held, keptWeights(small, 'b')].map(areUnkept)).toEqual([true, false])
  expect(await product(() => graphOf(held))).toEqual(await product(() => graphOf(large)))
})

test('a small base has no file', () => {
  expect(keptWeights(small, 'b')).toEqual(small)
  expect(existsSync(weightFolder())).toBe(false)
})
