/**
 * A user's ONNX file as a base: every picture goes through it once, and only a head learns from what comes out. The mean over the
 * places of a map, or the vector, at unit length is the embedding.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Base } from '../../contracts/base.ts'
import type { Network } from '../../contracts/network.ts'
import { openOrtPool } from '../../nn/onnx/pool.ts'
import { image } from '../../payloads/inputs/image.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { embeddedNetwork } from '../embedded-network.ts'
import type { PictureFit } from '../pictures/pixels.ts'
import { openPictureReader } from '../pictures/reader.ts'
import { pictureModel, type PictureModel, type Preprocessing } from './picture-model.ts'

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

async function bytesOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw failure('BASE_MISSING', `the file ${file} of a base cannot be read`, { cause })
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
  const pool = openOrtPool({ workers: 1 })
  const grey = new Uint8Array(3 * side * side).fill(127)
  try {
    await pool.addSession(file, () => bytes)
    const feeds = { pixels: { shape: [1, side, side, 3], data: grey } }
    const { values } = await pool.run({ session: file, feeds })
    invariant(values?.data instanceof Float32Array, 'a graph of pictures without values')
    const [batch, positions = 0, width = 0] = values.shape
    if (batch !== 1 || values.shape.length !== 3 || positions * width === 0)
      throw failure(
        'BASE_UNSUPPORTED',
        `${file} answers one picture with ${values.shape.join(' × ')} numbers`,
      )
    if (!values.data.every(Number.isFinite))
      throw failure(
        'BASE_INVALID',
        `${file} answers a grey picture with a number that is not finite`,
      )
    return { positions, width }
  } catch (cause) {
    if (!(cause instanceof Error) || !cause.message.startsWith('ONNX Runtime:')) throw cause
    throw failure('BASE_INVALID', `${file} does not run: ${cause.message}`, { cause })
  } finally {
    await pool.close()
  }
}
