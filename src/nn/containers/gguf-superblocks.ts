/**
 * Blocks of 256 numbers in GGUF, cut into runs of 16 or 32 that have a small scale of their own beside that of the block.
 *
 *   Q2_K, Q4_K, Q5_K   x = d · scale · q − dmin · min
 *   Q3_K, Q6_K         x = d · scale · q, both signed
 *   IQ4_XS             x = d · scale · steps[q], steps denser around 0
 *
 * Each product is exact in double precision, so a number is rounded once, as in the reference.
 *
 * https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
 */
import { halfAt } from './floats.ts'

const SUPER = 256
/** Numbers with one scale: of Q2_K, Q3_K and Q6_K, and of the others. */
const [SHORT, LONG] = [16, 32]

/** A kind of block. */
export interface Storage {
  readonly name: string
  readonly values: number
  readonly bytes: number
  /** Writes one block at `first`. */
  read(view: DataView, at: number, to: Float32Array, first: number): void
}

export const superblocks = {
  /** Scales and mins in nibbles [16], steps of 2 bits [64], d, dmin. */
  10: {
    name: 'Q2_K',
    values: SUPER,
    bytes: 84,
    read(view, at, to, first) {
      const [d, dmin] = [halfAt(view, at + 80), halfAt(view, at + 82)]
      for (let run = 0; run < SUPER / SHORT; run += 1) {
        const both = view.getUint8(at + run)
        const [scale, offset] = [d * (both & 15), dmin * (both >> 4)]
        const { from, shift } = twoBits(run)
        for (let index = 0; index < SHORT; index += 1) {
          const step = (view.getUint8(at + 16 + from + index) >> shift) & 3
          to[first + run * SHORT + index] = scale * step - offset
        }
      }
    },
  },
  /** Upper bits of steps [32], their lower two [64], scales of 6 bits [12], d. */
  11: {
    name: 'Q3_K',
    values: SUPER,
    bytes: 110,
    read(view, at, to, first) {
      const d = halfAt(view, at + 108)
      for (let run = 0; run < SUPER / SHORT; run += 1) {
        const low = (view.getUint8(at + 96 + (run & 7)) >> (run < 8 ? 0 : 4)) & 15
        const high = (view.getUint8(at + 104 + (run & 3)) >> (2 * (run >> 2))) & 3
        const scale = d * ((low | (high << 4)) - 32)
        const { from, shift } = twoBits(run)
        for (let index = 0; index < SHORT; index += 1) {
          const upper = (view.getUint8(at + (run & 1) * SHORT + index) >> (run >> 1)) & 1
          const lower = (view.getUint8(at + 32 + from + index) >> shift) & 3
          to[first + run * SHORT + index] = scale * (lower + 4 * upper - 4)
        }
      }
    },
  },
  /** d, dmin, scales and mins of 6 bits [12], nibbles [128]. */
  12: {
    name: 'Q4_K',
    values: SUPER,
    bytes: 144,
    read(view, at, to, first) {
      const [d, dmin] = [halfAt(view, at), halfAt(view, at + 2)]
      for (let run = 0; run < SUPER / LONG; run += 1) {
        const [scale, offset] = [d * scaleOf(view, at + 4, run), dmin * minOf(view, at + 4, run)]
        const [from, shift] = [at + 16 + (run >> 1) * LONG, 4 * (run & 1)]
        for (let index = 0; index < LONG; index += 1)
          to[first + run * LONG + index] =
            scale * ((view.getUint8(from + index) >> shift) & 15) - offset
      }
    },
  },
  /** As Q4_K, with the fifth bits [32] before the nibbles. */
  13: {
    name: 'Q5_K',
    values: SUPER,
    bytes: 176,
    read(view, at, to, first) {
      const [d, dmin] = [halfAt(view, at), halfAt(view, at + 2)]
      for (let run = 0; run < SUPER / LONG; run += 1) {
        const [scale, offset] = [d * scaleOf(view, at + 4, run), dmin * minOf(view, at + 4, run)]
        const [from, shift] = [at + 48 + (run >> 1) * LONG, 4 * (run & 1)]
        for (let index = 0; index < LONG; index += 1) {
          const upper = (view.getUint8(at + 16 + index) >> run) & 1
          const lower = (view.getUint8(from + index) >> shift) & 15
          to[first + run * LONG + index] = scale * (lower | (upper << 4)) - offset
        }
      }
    },
  },
  /** Lower nibbles of steps [128], their upper two bits [64], signed scales [16], d. */
  14: {
    name: 'Q6_K',
    values: SUPER,
    bytes: 210,
    read(view, at, to, first) {
      const d = halfAt(view, at + 208)
      for (let run = 0; run < SUPER / SHORT; run += 1) {
        const scale = d * view.getInt8(at + 192 + run)
        const { from, shift } = twoBits(run)
        const nibblesFrom = at + (run >> 3) * 64 + (run & 3) * SHORT
        for (let index = 0; index < SHORT; index += 1) {
          const lower = (view.getUint8(nibblesFrom + index) >> (run & 4)) & 15
          const upper = (view.getUint8(at + 128 + from + index) >> shift) & 3
          to[first + run * SHORT + index] = scale * ((lower | (upper << 4)) - 32)
        }
      }
    },
  },
  /** d, upper two bits of scales, their lower nibbles [4], nibbles [128]. */
  23: {
    name: 'IQ4_XS',
    values: SUPER,
    bytes: 136,
    read(view, at, to, first) {
      const [d, upper] = [halfAt(view, at), view.getUint16(at + 2, true)]
      for (let run = 0; run < SUPER / LONG; run += 1) {
        const lower = (view.getUint8(at + 4 + (run >> 1)) >> (4 * (run & 1))) & 15
        const scale = d * ((lower | (((upper >> (2 * run)) & 3) << 4)) - 32)
        unevenNibbles(view, at + 8 + (run * LONG) / 2, to, first + run * LONG, scale)
      }
    },
  },
} as const satisfies Readonly<Record<number, Storage>>

const UNEVEN = Int8Array.of(
  ...[-127, -104, -83, -65, -49, -35, -22, -10],
  ...[1, 13, 25, 38, 53, 69, 89, 113],
)

/** Nibbles that mean uneven steps: the low ones are the first 16 numbers. */
export function unevenNibbles(
  view: DataView,
  at: number,
  to: Float32Array,
  first: number,
  scale: number,
): void {
  for (let index = 0; index < LONG / 2; index += 1) {
    const pair = view.getUint8(at + index)
    to[first + index] = scale * (UNEVEN[pair & 15] ?? 0)
    to[first + LONG / 2 + index] = scale * (UNEVEN[pair >> 4] ?? 0)
  }
}

/** Where a run of 16 has its steps of two bits: 128 numbers share 32 bytes, each run of 32 another pair of bits. */
function twoBits(run: number): { readonly from: number; readonly shift: number } {
  return { from: (run >> 3) * 32 + (run & 1) * SHORT, shift: run & 6 }
}

/** Scales and mins of eight runs, 6 bits each: those of the last four have their upper two bits beside the others. */
function scaleOf(view: DataView, at: number, run: number): number {
  if (run < 4) return view.getUint8(at + run) & 63
  return (view.getUint8(at + run + 4) & 15) | ((view.getUint8(at + run - 4) >> 6) << 4)
}

function minOf(view: DataView, at: number, run: number): number {
  if (run < 4) return view.getUint8(at + run + 4) & 63
  return (view.getUint8(at + run + 4) >> 4) | ((view.getUint8(at + run) >> 6) << 4)
}
