/**
 * Reads the weights of a TensorFlow.js model: `model.json` lists the tensors in order, and the concatenated shard files
 * are their bytes.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

interface Manifest {
  readonly weightsManifest: readonly {
    readonly paths: readonly string[]
    readonly weights: readonly Entry[]
  }[]
}

interface Entry {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
}

const BYTES = 4

/** Every float32 tensor of the model; the others are constants of its graph. */
export async function readTfjsWeights(folder: string): Promise<Tensors> {
  const manifest = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as Manifest
  const tensors = new Map<string, Tensor>()
  for (const group of manifest.weightsManifest) {
    const shards = await Promise.all(group.paths.map((path) => readFile(join(folder, path))))
    const bytes = Buffer.concat(shards)
    let at = 0
    for (const { name, shape, dtype } of group.weights) {
      const end = at + shape.reduce((product, size) => product * size, BYTES)
      if (end > bytes.length) throw torn(folder, `the shards end inside ${name}`)
      if (dtype === 'float32') tensors.set(name, { shape, data: floats(bytes.subarray(at, end)) })
      at = end
    }
    if (at !== bytes.length) throw torn(folder, `${bytes.length - at} bytes belong to no tensor`)
  }
  return tensors
}

function floats(bytes: Uint8Array): Float32Array {
  const data = new Float32Array(bytes.length / BYTES)
  new Uint8Array(data.buffer).set(bytes)
  return data
}

function torn(folder: string, what: string): Error {
  return failure('BASE_INVALID', `the weights in ${folder} are torn: ${what}`)
}
