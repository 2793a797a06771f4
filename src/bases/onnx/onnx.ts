/**
 * A user's ONNX file as a base: every picture goes through it once, and only a head learns from what comes out. The mean over the
 * places of a map, or the vector, at unit length is the embedding.
 */
import { createHash } from 'node:crypto'
import type { Base } from '../../contracts/base.ts'
import type { Network } from '../../contracts/network.ts'
import { image } from '../../payloads/inputs/image.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import { failure } from '../../platform/errors.ts'
import { embeddedNetwork } from '../embedded-network.ts'
import type { PictureFit } from '../pictures/pixels.ts'
import { openPictureReader } from '../pictures/reader.ts'
import { bytesOf, pictureModel, type PictureModel, type Preprocessing } from './picture-model.ts'
import { triedShape } from './shape-trial.ts'

/** Raised whenever the same file would give another output. */
const EQUATIONS = 'onnx/1'

interface OnnxOptions extends Preprocessing {
  readonly fit: PictureFit
}

/** Throws BASE_MISSING, BASE_INVALID or BASE_UNSUPPORTED. */
export async function openOnnx({ file, size, mean, std, fit }: OnnxOptions): Promise<Base> {
  const model = await pictureModel(await bytesOf(file), { file, size, mean, std })
  const { positions, width } = await shapeOf(model, file)
  const reader = openPictureReader({ graph: () => model.bytes, side: model.side, positions, fit })
  const settings = canonicalJson({ equations: EQUATIONS, fit, side: model.side })
  return {
    name: 'onnx',
    hash: createHash('sha256').update(settings).update(model.bytes).digest('hex'),
    reads: [image],
    rows: 'values',
    places: { positions, width },
    network: frozenNetwork(width),
    weights: new Map(),
    encode: (input) => reader.encode(input),
    prepare: (input, maxTokens, signal) => reader.prepare(input, maxTokens, signal),
  }
}

/** Nothing above what the file computes. */
function frozenNetwork(width: number): Network {
  return embeddedNetwork(width, {
    pool: (ops, positions, mask) => ops.unit(ops.maskedMean(positions, mask)),
  })
}

/** Places and their width, of one grey picture: what a file declares may leave sizes open, and what it computes may fail. */
async function shapeOf({ bytes, side }: PictureModel, file: string) {
  const found = await triedShape(bytes, side)
  if ('fault' in found) throw failure('BASE_INVALID', `${file} does not run: ${found.fault}`)
  const { shape, isFinite } = found
  const [batch, positions = 0, width = 0] = shape
  if (batch !== 1 || shape.length !== 3 || positions * width === 0)
    throw failure(
      'BASE_UNSUPPORTED',
      `${file} answers one picture with ${shape.join(' × ')} numbers`,
    )
  if (!isFinite)
    throw failure('BASE_INVALID', `${file} answers a grey picture with a number that is not finite`)
  return { positions, width }
}
