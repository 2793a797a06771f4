/**
 * Dropout masks: each number is 0 with probability `rate`, otherwise 1 / (1 − rate), so that the mean is preserved. A
 * mask depends only on its seed and place, so a step that is repeated after a crash draws the same mask.
 *
 * The generator is sfc32, one number in 1–2 ns: a step masks millions. Srivastava et al. (2014), "Dropout: a simple way
 * to prevent neural networks from overfitting", JMLR 15; Doty-Humphrey (2010), PractRand.
 */
import { openRandom } from '../platform/random.ts'

/** A mask of `length` numbers. Equal calls give equal masks, other places independent ones. */
export type Dropout = (length: number, rate: number, place: string) => Float32Array

/** `group`: of the rows of the step `seed`. */
export function openDropout(seed: string, group = 0): Dropout {
  return (length, rate, place) => {
    const random = openRandom(`dropout/${seed}/${group}`, place)
    return draw(
      new Float32Array(length),
      rate,
      [0, 0, 0, 0].map(() => random.below(2 ** 32)),
    )
  }
}

function draw(mask: Float32Array, rate: number, state: readonly number[]): Float32Array {
  let [a = 0, b = 0, c = 0, d = 0] = state
  const [dropped, kept] = [rate * 2 ** 32, 1 / (1 - rate)]
  for (let at = 0; at < mask.length; at += 1) {
    const drawn = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + drawn) | 0
    mask[at] = drawn >>> 0 < dropped ? 0 : kept
  }
  return mask
}
