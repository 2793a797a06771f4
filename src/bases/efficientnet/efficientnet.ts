/** EfficientNet-Lite0 as a base: pictures of any size, seen whole at 224 × 224 pixels. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { areFinite, toFloat32 } from '../../nn/containers/floats.ts'
import { readSafetensors } from '../../nn/containers/safetensors.ts'
import { image } from '../../payloads/inputs/image.ts'
import { failure } from '../../platform/errors.ts'
import { hashBase } from '../folder.ts'
import { openPictureReader } from '../pictures/reader.ts'
import { efficientNetNetwork, FILTER, lite0 } from './network.ts'
import { PIXELS, recordPictureTrunk, takeTensor } from './trunk.ts'

/** Raised whenever the same files would give another output. */
const EQUATIONS = 'efficientnet-lite0/1'
const WEIGHTS = 'model.safetensors'

const network = efficientNetNetwork(lite0)

export async function openEfficientNet(folder: string): Promise<Base> {
  const stored = await weightsIn(folder)
  const reader = openPictureReader({
    graph: () => recordPictureTrunk(stored),
    side: PIXELS,
    positions: lite0.side ** 2,
    fit: 'squeeze',
  })
  return {
    name: 'efficientnet-lite0',
    hash: hashBase({ equations: EQUATIONS }, stored),
    reads: [image],
    rows: 'values',
    places: { positions: lite0.side ** 2, width: network.latentWidth(0) },
    network,
    weights: upperWeights(stored),
    encode: (input) => reader.encode(input),
    prepare: (input, maxTokens, signal) => reader.prepare(input, maxTokens, signal),
  }
}

/** All of it can be read: nothing fails at the first picture. */
async function weightsIn(folder: string): Promise<Tensors> {
  const { tensors } = readSafetensors(await readFile(join(folder, WEIGHTS)))
  const named = [...tensors].map(([name, tensor]): [string, Tensor] => [
    name,
    toFloat32(tensor, name),
  ])
  for (const [name, { data }] of named)
    if (!areFinite(data))
      throw failure('BASE_INVALID', `${name} in ${folder} holds a number that is not finite`)
  return new Map(named)
}

/** As `network` reads them: matrices [in, out], a filter [k², channels]. */
function upperWeights(stored: Tensors): Tensors {
  const weights = new Map<string, Tensor>()
  for (const { name, kind, inSize, outSize } of network.sites(0)) {
    if (kind === 'linear') {
      const weight = `${name}.weight`
      weights.set(weight, turned(takeTensor(stored, weight, [outSize, inSize, 1, 1])))
    }
    if (kind !== 'norm') continue
    for (const part of ['weight', 'bias', 'running_mean', 'running_var'])
      weights.set(`${name}.${part}`, takeTensor(stored, `${name}.${part}`, [outSize]))
  }
  return weights.set(FILTER, turned(takeTensor(stored, FILTER, [lite0.inner, 1, 3, 3])))
}

/** [rows, …] → [all of a row, rows]. */
function turned({ shape: [rows = 1], data }: Tensor): Tensor {
  const columns = data.length / rows
  const out = new Float32Array(data.length)
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      out[column * rows + row] = data[row * columns + column] ?? 0
  return { shape: [columns, rows], data: out }
}
