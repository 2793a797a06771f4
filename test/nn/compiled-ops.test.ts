/** The operations of the compiled engine have the values and the gradients of the eager one. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as tfc from '@tensorflow/tfjs-core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openCompiledGraph } from '../../src/nn/compiled/compiled-graph.ts'
import { savedModel } from '../../src/nn/compiled/graph-def.ts'
import {
  TensorFlowGraph,
  type GraphValue,
  NotCompilable,
  splitGraph,
} from '../../src/nn/compiled/graph.ts'
import { graphOps } from '../../src/nn/compiled/ops.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openRandom } from '../../src/platform/random.ts'
import { opCases, type OpCase, type Sizes } from './op-cases.ts'
import { drawSample, drawSizes, runTfjs, type Sample } from './op-runs.ts'

const { tf } = await openTensorFlow()
const isRefused = ({ name }: OpCase) => name === 'gather'

test.each(opCases.filter((one) => !isRefused(one)))('$name', (opCase) => {
  const random = openRandom(1, opCase.name)
  for (let at = 0; at < 3; at += 1) {
    const sizes = drawSizes(random)
    const sample = drawSample(opCase, sizes, random)
    const [compiled, eager] = [runCompiled(opCase, sample, sizes), runEager(opCase, sample, sizes)]
    expect(compiled.output.shape).toEqual(eager.output.shape)
    expectClose(compiled.output.data, eager.output.data, 'output')
    for (const place of opCase.slopes)
      expectClose(compiled.gradients.get(place)!, eager.gradients.get(place)!, place)
  }
})

test.each(opCases.filter(isRefused))('$name is left to the eager engine', (opCase) => {
  const sizes = { b: 2, s: 3, heads: 1, size: 3, out: 2 }
  const sample = drawSample(opCase, sizes, openRandom(1, opCase.name))
  expect(() => runCompiled(opCase, sample, sizes)).toThrow(NotCompilable)
})

test('one recording serves inputs of any size, and computes nothing twice', () => {
  const graph = new TensorFlowGraph()
  const weight = () => graph.input('w', [2, 'outputs'], { moves: true })
  const { ops } = graphOps({ graph, weight, param: weight })
  const x = graph.input('x', ['rows', 'positions', 2], { moves: false })
  const w = ops.weight('w')
  const y = ops.matMul(x, w)
  expect(ops.matMul(x, w)).toEqual(y)
  expect(y.shape).toEqual(['rows', 'positions', 'outputs'])
  const open = openCompiledGraph(tf, savedModel(graph.nodes))
  onTestFinished(() => open.close())
  for (const [rows, positions, outputs] of [
    [1, 1, 1],
    [2, 3, 4],
    [5, 1, 2],
  ] as const)
    tf.tidy(() => {
      const feeds = new Map<string, tfc.Tensor>([
        [x.name, tf.ones([rows, positions, 2])],
        [w.name, tf.ones([2, outputs])],
      ])
      const [found] = open.run(feeds, [y.name])
      expect(found!.shape).toEqual([rows, positions, outputs])
      expect([...found!.dataSync()].every((value) => value === 2)).toBe(true)
    })
})

test('a graph is opened from another folder where one cannot be written, and says why from none', () => {
  const graph = new TensorFlowGraph()
  const x = graph.input('x', [1], { moves: false })
  const y = graphOps({ graph, weight: () => x, param: () => x }).ops.add(x, x)
  const open = (...parents: string[]) => openCompiledGraph(tf, savedModel(graph.nodes), parents)
  const [missing, gone] = ['missing', 'gone'].map((name) => join(tmpdir(), name, 'folder'))
  const opened = open(missing!, tmpdir())
  const results = tf.tidy(() => [
    ...opened.run(new Map([[x.name, tf.ones([1])]]), [y.name])[0]!.dataSync(),
  ])
  opened.close()
  expect(results).toEqual([2])
  expect(() => open(missing!, gone!)).toThrow(
    expect.objectContaining({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringMatching(/^no folder .*missing.*; .*gone/) as string,
      fix: 'let TMPDIR name a folder that can be written',
    }),
  )
})

test('equal graphs share a session, which stays until the last of them is closed', () => {
  const backend = tf.backend() as unknown as { deleteSavedModel(id: number): void }
  const ended = vi.spyOn(backend, 'deleteSavedModel')
  onTestFinished(() => ended.mockRestore())
  const graph = new TensorFlowGraph()
  const x = graph.input('x', [1], { moves: false })
  const y = graphOps({ graph, weight: () => x, param: () => x }).ops.mul(x, x)
  const [first, second] = [1, 2].map(() => openCompiledGraph(tf, savedModel(graph.nodes)))
  first!.close()
  expect(ended).not.toHaveBeenCalled()
  tf.tidy(() => {
    const [found] = second!.run(new Map([[x.name, tf.tensor([3])]]), [y.name])
    expect([...found!.dataSync()]).toEqual([9])
  })
  second!.close()
  expect(ended).toHaveBeenCalledOnce()
})

interface Found {
  readonly output: { readonly shape: readonly number[]; readonly data: Float32Array }
  readonly gradients: ReadonlyMap<string, Float32Array>
}

function runCompiled(opCase: OpCase, sample: Sample, sizes: Sizes): Found {
  const graph = new TensorFlowGraph()
  const places = new Map<string, GraphValue>()
  const place = (name: string): GraphValue => {
    const moves = opCase.slopes.includes(name)
    const value = places.get(name) ?? graph.input(name, sample.get(name)!.shape, { moves })
    places.set(name, value)
    return value
  }
  const { ops, tape } = graphOps({ graph, weight: place, param: place })
  const output = opCase.build(ops, place, sizes)
  const from = graph.length
  const seed = graph.input('seed', output.shape, { moves: false })
  tape.backward(output, seed)
  const gradients = opCase.slopes.map((name) => tape.gradientOf(place(name))!.name)
  const { nodes, given, kept, results } = splitGraph(graph, from, gradients)
  const open = openCompiledGraph(tf, savedModel(nodes))
  try {
    return tidied(() => {
      const fed = new Map<string, tfc.Tensor>()
      for (const [name, { name: node }] of places)
        fed.set(
          node,
          tf.tensor(Float32Array.from(sample.get(name)!.data), [...sample.get(name)!.shape]),
        )
      const first = open.run(fed, [output.name, ...kept.keys()])
      fed.set(seed.name, seedOf(first[0]!))
      for (const [at, name] of [...kept.values()].entries()) fed.set(name, first[at + 1]!)
      const wanted = new Map([...given, ...kept.values()].map((name) => [name, fed.get(name)!]))
      const second = results.length === 0 ? [] : open.run(wanted, results)
      return {
        output: { shape: first[0]!.shape, data: first[0]!.dataSync<'float32'>() },
        gradients: new Map(
          opCase.slopes.map((name, at) => [name, second[at]!.dataSync<'float32'>()]),
        ),
      }
    })
  } finally {
    open.close()
  }
}

function runEager(opCase: OpCase, sample: Sample, sizes: Sizes): Found {
  return tidied(() => {
    const run = (...replaced: tfc.Tensor[]) =>
      runTfjs(tf, opCase, sample, sizes, new Map(opCase.slopes.map((n, at) => [n, replaced[at]!])))
    const inputs = opCase.slopes.map((name) => {
      const { shape, data } = sample.get(name)!
      return tf.tensor(data, [...shape])
    })
    const output = run(...inputs)
    const found = inputs.length === 0 ? [] : tf.grads(run)(inputs, seedOf(output))
    return {
      output: { shape: output.shape, data: output.dataSync<'float32'>() },
      gradients: new Map(opCase.slopes.map((name, at) => [name, found[at]!.dataSync<'float32'>()])),
    }
  })
}

/** Tidy walks what its function returns: it must not see this. */
function tidied(run: () => Found): Found {
  const found: Found[] = []
  tf.tidy(() => void found.push(run()))
  return found[0]!
}

/** No two numbers alike, so that no two gradients cancel by symmetry. */
function seedOf(output: tfc.Tensor): tfc.Tensor {
  const seeds = Float32Array.from({ length: output.size }, (_, at) => Math.sin(at + 1))
  return tf.tensor(seeds, output.shape)
}

function expectClose(found: Float32Array, wanted: Float32Array, what: string): void {
  expect(found.length).toBe(wanted.length)
  for (const [at, value] of wanted.entries())
    expect(Math.abs(found[at]! - value), what).toBeLessThan(1e-5 * (1 + Math.abs(value)))
}
