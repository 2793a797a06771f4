/**
 * Rotary positions: each pair of numbers (x[i], x[i + d/2]) of a head is turned by the angle position · base^(−2i/d).
 *
 *   y = x ⊙ cos + turn(x) ⊙ sin,   turn(x) = [−x[d/2…], x[…d/2]]
 *
 * Su et al. (2021), "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864.
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Ops } from '../../contracts/ops.ts'
import type { CausalConfig } from './config.ts'

export const ROTARY_COS = 'rotary.cos'
export const ROTARY_SIN = 'rotary.sin'

/** x [b, heads, s, d]; cos and sin [1, s, d]. */
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
  { headSize, ropeBase }: CausalConfig,
  positions: number,
): readonly (readonly [string, Tensor])[] {
  const half = headSize / 2
  const frequencies = Array.from({ length: half }, (_, pair) =>
    Math.fround(1 / Math.fround(ropeBase ** Math.fround((2 * pair) / headSize))),
  )
  const table = (of: (angle: number) => number): Tensor => {
    const data = new Float32Array(positions * headSize)
    for (let at = 0; at < data.length; at += 1) {
      const angle = Math.floor(at / headSize) * (frequencies[at % half] ?? 0)
      data[at] = of(Math.fround(angle))
    }
    return { shape: [positions, headSize], data }
  }
  return [
    [ROTARY_COS, table(Math.cos)],
    [ROTARY_SIN, table(Math.sin)],
  ]
}
