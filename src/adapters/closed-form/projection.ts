/**
 * Random directions to project an embedding on: P [width, features], one direction a column, each about √width long. They
 * come from one fixed seed, so trainer and server draw the same ones.
 *
 *   gaussian      P ~ N(0, 1)
 *   orthogonal    blocks of n columns, the first `width` rows of √n · M·D₃·M·D₂·M·D₁
 *
 * D has random signs on its diagonal, and M is an orthonormal transform (orthonormal-transform.ts), so the columns of a block
 * are orthogonal to one another, and a kernel that is estimated with them varies less between draws than with independent ones.
 *
 * Yu et al. (2016), "Orthogonal random features", NeurIPS.
 */
import { openRandom } from '../../platform/random.ts'
import { openTransform, sizeFor } from './orthonormal-transform.ts'

export type ProjectionKind = 'gaussian' | 'orthogonal'

const ROUNDS = 3

/** P, row by row. */
export function drawProjection(
  kind: ProjectionKind,
  width: number,
  features: number,
): Float32Array<ArrayBuffer> {
  return kind === 'orthogonal' ? orthogonal(width, features) : gaussian(width, features)
}

function gaussian(width: number, features: number): Float32Array<ArrayBuffer> {
  const random = openRandom('ranpac', `${width} × ${features}`)
  return Float32Array.from({ length: width * features }, () => random.normal())
}

/** The first columns are the same for every number of features. */
function orthogonal(width: number, features: number): Float32Array<ArrayBuffer> {
  const size = sizeFor(width)
  const transform = openTransform(size)
  const random = openRandom('ranpac', `orthogonal ${width}`)
  const data = new Float32Array(width * features)
  const root = Math.sqrt(size)
  for (let from = 0; from < features; from += size) {
    const signs = Float64Array.from({ length: ROUNDS * size }, () => 1 - 2 * random.below(2))
    const columns = Math.min(size, features - from)
    for (let row = 0; row < width; row += 1) {
      const values = new Float64Array(size)
      values[row] = root
      for (let round = 0; round < ROUNDS; round += 1) {
        for (let at = 0; at < size; at += 1)
          values[at] = (values[at] ?? 0) * (signs[round * size + at] ?? 0)
        transform(values)
      }
      data.set(values.subarray(0, columns), row * features + from)
    }
  }
  return data
}
