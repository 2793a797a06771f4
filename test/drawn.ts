/**
 * Normal random numbers for a tensor of any size. A large one repeats a prime number of draws, so that no two rows of a
 * matrix are alike: to draw each of millions takes longer than the test.
 */
import type { Random } from '../src/contracts/core.ts'

const PERIOD = 9973

export function drawn(length: number, random: Random, size = 1): Float32Array {
  const data = new Float32Array(length)
  for (let at = 0; at < Math.min(length, PERIOD); at += 1) data[at] = random.normal() * size
  for (let at = PERIOD; at < length; at += PERIOD)
    data.set(data.subarray(0, Math.min(PERIOD, length - at)), at)
  return data
}
