/** Files of a base that a stranger made: what hangs, eats memory or has no end is refused, in a time that one can wait. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { readJsonFile } from '../../src/bases/folder.ts'
import { openOnnx } from '../../src/bases/onnx/onnx.ts'
import { triedShape } from '../../src/bases/onnx/shape-trial.ts'
import { model, node, tensor, valueInfo } from '../../src/nn/onnx/graph.ts'
import { integer, layOut, message, text, type Wire } from '../../src/nn/protobuf.ts'
import { rejection } from '../coded.ts'
import { removed } from '../scratch-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'antikythera-onnx-files-'))
afterAll(async () => removed(folder))

const SIDE = 4
const pixels = valueInfo('pixels', 'uint8', [1, SIDE, SIDE, 3])
const picture = valueInfo('x', 'float32', [1, 3, SIDE, SIDE])

function graph(nodes: readonly Wire[], initializers: readonly Wire[], input = picture) {
  return {
    ...{ nodes, initializers, inputs: [input], domains: [] },
    outputs: [valueInfo('y', 'float32', [1, 3])],
  }
}

const openFile = async (file: string) =>
  rejection(openOnnx({ file, mean: [0, 0, 0], std: [1, 1, 1], fit: 'squeeze' }))

async function open(bytes: Uint8Array) {
  const file = join(folder, 'base.onnx')
  writeFileSync(file, bytes)
  return openFile(file)
}

/** Its body says that it goes on. */
function endlessLoop(): Uint8Array {
  const value = (name: string, type: number) => [
    ...text(1, name),
    ...message(2, message(1, integer(1, type), message(2))),
  ]
  const [FLOAT, INT64, BOOL] = [1, 7, 9] as const
  const body = [
    ...message(1, node('Identity', ['go'], ['on'], {})),
    ...message(1, node('Add', ['sum', 'sum'], ['next'], {})),
    ...text(2, 'body'),
    ...message(11, value('i', INT64)),
    ...message(11, value('go', BOOL)),
    ...message(11, value('sum', FLOAT)),
    ...message(12, value('on', BOOL)),
    ...message(12, value('next', FLOAT)),
  ]
  const attribute = [...text(1, 'body'), ...message(6, body), ...integer(20, 5)]
  const loop = [...node('Loop', ['', '', 'start'], ['y'], {}), ...message(5, attribute)]
  const start = tensor('start', 'float32', [], new Uint8Array(4))
  const parts = graph([loop], [start], pixels)
  return model({ ...parts, outputs: [value('y', FLOAT)] })
}

it('a graph whose loop has no end, in a process of its own, is ended by its limit of time', async () => {
  const reply = await triedShape(endlessLoop(), SIDE, { seconds: 1, bytes: 2 ** 30 })
  expect(reply).toEqual({ fault: 'one picture takes over 1 s' })
})

it('a graph that makes eight gigabytes of zeros is ended by its limit of memory', async () => {
  const zeros = [
    node('ConstantOfShape', ['sizes'], ['z'], {}),
    node('ReduceMax', ['z'], ['most'], { keepdims: { int: 0 } }),
    node('GlobalAveragePool', ['x'], ['pooled'], {}),
    node('Flatten', ['pooled'], ['flat'], {}),
    node('Add', ['flat', 'most'], ['y'], {}),
  ]
  const sizes = tensor('sizes', 'int64', [1], new Uint8Array(BigInt64Array.of(2n ** 31n).buffer))
  const error = await open(model(graph(zeros, [sizes])))
  expect(error).toMatchObject({ code: 'BASE_INVALID' })
  expect(error.message).toMatch(/takes more than \d+ MiB|does not run/)
})

it('a pipe, a device and a file beyond 2 GiB are refused before they are read', async () => {
  const pipe = join(folder, 'pipe.onnx')
  execFileSync('mkfifo', [pipe])
  for (const file of [pipe, '/dev/zero', folder]) {
    const error = await openFile(file)
    expect([error.code, error.message]).toEqual(['BASE_INVALID', `${file} is no ordinary file`])
  }
  const large = join(folder, 'large.onnx')
  execFileSync('truncate', ['-s', '3G', large])
  expect(await openFile(large)).toMatchObject({ code: 'BASE_UNSUPPORTED' })
})

it('four megabytes of empty fields and a graph of 100,000 nodes are refused with little memory', async () => {
  const before = process.memoryUsage().rss
  const empty = new Uint8Array(4e6).map((_, at) => (at % 2 === 0 ? 0x0a : 0))
  const opset = message(8, integer(2, 17))
  expect(await open(layOut([...opset, ...message(7, [empty])]))).toMatchObject({
    code: 'BASE_UNSUPPORTED',
  })
  const one = Buffer.from(layOut(message(1, node('Relu', ['x'], ['y'], {}))))
  const many = Buffer.concat(Array.from({ length: 100_000 }, () => one))
  expect(await open(layOut([...opset, ...message(7, [many])]))).toMatchObject({
    code: 'BASE_UNSUPPORTED',
  })
  expect(process.memoryUsage().rss - before).toBeLessThan(700e6)
})

it('graphs in each other, a hundred thousand deep, and such a tokenizer.json have a code', async () => {
  const inner = (depth: number) => {
    let bytes: Uint8Array = layOut(message(1, node('Relu', ['x'], ['y'], {})))
    for (let at = 0; at < depth; at += 1)
      bytes = layOut(message(1, [...text(4, 'If'), ...message(5, [...message(6, [bytes])])]))
    return bytes
  }
  const opset = message(8, integer(2, 17))
  const error = await open(layOut([...opset, ...message(7, [inner(200)])]))
  expect(error).toMatchObject({ code: 'BASE_UNSUPPORTED' })
  expect(error.message).toContain('graphs in each other')
  const depth = 100_000
  const nested = `{"model":${'['.repeat(depth)}${']'.repeat(depth)}}`
  writeFileSync(join(folder, 'tokenizer.json'), nested)
  const deep = await rejection(readJsonFile(folder, 'tokenizer.json'))
  expect([deep.code, deep.message]).toEqual(['BASE_INVALID', expect.stringContaining('too deep')])
})
