/**
 * Rotary positions: each pair of numbers (x[i], x[i + d/2]) of a head is turned by the angle position · base^(−2i/d), from the
 * fields of a decoder that say how fast to the tables that its network reads.
 *
 *   y = x ⊙ cos + turn(x) ⊙ sin,   turn(x) = [−x[d/2…], x[…d/2]]
 *
 * Su et al. (2021), "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864.
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Ops } from '../../contracts/ops.ts'
import { invalid, objectOf, positive, unsupported, type Fields } from './fields.ts'

export interface Angles {
  readonly ropeBase: number
  /** Of each pair: what its frequency is divided by. Absent = 1. */
  readonly ropeDivisors?: readonly number[]
}

/** x [b, heads, s, d]; cos and sin [b, 1, s, d], or [1, s, d] where they are those of every row. */
export function rotated<T>(
  ops: Ops<T>,
  x: T,
  { cos, sin }: { readonly cos: T; readonly sin: T },
  size: number,
): T {
  const half = size / 2
  const turned = ops.concat([
    ops.mul(ops.columns(x, half, size), ops.scalar(-1)),
    ops.columns(x, 0, half),
  ])
  return ops.add(ops.mul(x, cos), ops.mul(turned, sin))
}

/** Tables [positions, d], rounded where the published model rounds: frequencies and angles are single precision there. */
export function rotaryTables(
  { headSize, ropeBase, ropeDivisors }: Angles & { readonly headSize: number },
  positions: number,
): { readonly cos: Tensor; readonly sin: Tensor } {
  const half = headSize / 2
  const frequencies = Array.from({ length: half }, (_, pair) => {
    const frequency = Math.fround(1 / Math.fround(ropeBase ** Math.fround((2 * pair) / headSize)))
    return Math.fround(frequency / (ropeDivisors?.[pair] ?? 1))
  })
  const table = (of: (angle: number) => number): Tensor => {
    const data = new Float32Array(positions * headSize)
    for (let position = 0, at = 0; position < positions; position += 1, at += headSize) {
      for (let pair = 0; pair < half; pair += 1)
        data[at + pair] = of(Math.fround(position * (frequencies[pair] ?? 0)))
      data.copyWithin(at + half, at, at + half)
    }
    return { shape: [positions, headSize], data }
  }
  return { cos: table(Math.cos), sin: table(Math.sin) }
}

/** transformers 5 writes `rope_parameters`, earlier ones `rope_scaling`. */
export function scalingOf(parameters: unknown, fields: Fields): Fields {
  const scaling = objectOf(fields.rope_scaling)
  const kind = scaling.type === undefined ? {} : { rope_type: scaling.type }
  return { ...objectOf(parameters), ...kind, ...scaling }
}

/**
 * How fast each pair of numbers turns. `llama3`: what turns less than `low` times over the positions of the pretraining is slowed
 * by the factor, what turns more than `high` times is not, and in between it goes from one to the other.
 *
 * Chen et al. (2023), "Extending context window of large language models via position interpolation", arXiv:2306.15595, is
 * `linear`; Grattafiori et al. (2024), "The Llama 3 herd of models", arXiv:2407.21783.
 */
export function anglesOf(
  rope: Fields,
  usualBase: number,
  { headSize, positions }: { readonly headSize: number; readonly positions: number },
): Angles {
  const ropeBase = positive('rope_theta', rope.rope_theta ?? usualBase)
  if ((rope.partial_rotary_factor ?? 1) !== 1)
    throw unsupported('partial_rotary_factor', rope.partial_rotary_factor)
  const kind = kindOf(rope)
  if (kind === 'default') return { ropeBase }
  if (kind !== 'linear' && kind !== 'llama3')
    throw unsupported('rope_type', kind, 'default, linear or llama3')
  const pairs = Array.from({ length: headSize / 2 }, (_, pair) => pair)
  const factor = positive('factor of rope_scaling', rope.factor)
  if (kind === 'linear') return { ropeBase, ropeDivisors: pairs.map(() => factor) }
  const [low, high, pretrained] = [
    positive('low_freq_factor', rope.low_freq_factor),
    positive('high_freq_factor', rope.high_freq_factor),
    positive(
      'original_max_position_embeddings',
      rope.original_max_position_embeddings ?? positions,
    ),
  ]
  if (low >= high) throw invalid('low_freq_factor', `is ${low}, not below ${high}`)
  const ropeDivisors = pairs.map((pair) => {
    const turns = (pretrained * ropeBase ** ((-2 * pair) / headSize)) / (2 * Math.PI)
    const share = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return 1 / ((1 - share) / factor + share)
  })
  return { ropeBase, ropeDivisors }
}

export function kindOf({ rope_type: kind, type }: Fields): unknown {
  return kind ?? type ?? 'default'
}
