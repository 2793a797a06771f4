/**
 * Named random streams: xoshiro128**, 128 bits of state, seeded by a hash of the daemon's seed and the stream's name,
 * so that drawing from one stream never changes another and the state fits into 32 characters of a checkpoint.
 *
 *   result = rotl(s₁·5, 7)·9;  s ← linear step over GF(2)
 *
 * Blackman & Vigna (2021), "Scrambled linear pseudorandom number generators", ACM TOMS 47(4).
 */
import { createHash, randomUUID } from 'node:crypto'
import type { Random } from '../contracts/core.ts'
import { invariant } from './errors.ts'

export function openRandom(seed: string | number, stream: string): Random {
  const digest = createHash('sha256').update(`${seed}\0${stream}`).digest('hex')
  return randomFrom(digest.slice(0, 32))
}

/** A stream that differs from process to process: it spreads waits in time, and decides nothing that is learned. */
export function openJitter(stream: string): Random {
  return openRandom(randomUUID(), stream)
}

/** A generator that continues from a snapshot. */
export function randomFrom(snapshot: string): Random {
  const state = new Uint32Array(4)
  const next = () => xoshiro128(state)
  const random: Random = {
    // 53 bits, the precision of a double below 1.
    uniform: () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53,
    below: (bound) => unbiased(next, bound),
    normal: () => boxMuller(random.uniform(), random.uniform()),
    snapshot: () => [...state].map((word) => word.toString(16).padStart(8, '0')).join(''),
    restore: (text) => {
      state.set(wordsOf(text))
    },
  }
  random.restore(snapshot)
  return random
}

function xoshiro128(state: Uint32Array): number {
  // By index: to destructure a typed array takes twice as long as the arithmetic.
  const s0 = state[0] ?? 0
  const s1 = state[1] ?? 0
  const s2 = state[2] ?? 0
  const s3 = state[3] ?? 0
  const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0
  const t2 = s2 ^ s0
  const t3 = s3 ^ s1
  state[1] = s1 ^ t2
  state[0] = s0 ^ t3
  state[2] = t2 ^ (s1 << 9)
  state[3] = rotateLeft(t3, 11)
  return result
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** Draws again above the largest multiple of the bound, so that every number is equally likely. */
function unbiased(next: () => number, bound: number): number {
  invariant(Number.isInteger(bound) && bound > 0 && bound <= 2 ** 32, `random below ${bound}`)
  const fair = 2 ** 32 - (2 ** 32 % bound)
  let drawn = next()
  while (drawn >= fair) drawn = next()
  return drawn % bound
}

/** Only the cosine half: the sine half would have to be part of the state. Box & Muller (1958). */
function boxMuller(u: number, v: number): number {
  return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v)
}

function wordsOf(text: string): number[] {
  invariant(/^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text), `random state "${text}"`)
  return [0, 8, 16, 24].map((at) => Number.parseInt(text.slice(at, at + 8), 16))
}
