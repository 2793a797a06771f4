/**
 * Two texts, each embedded by itself with a base of single texts; what a head reads of them are four blocks side by side:
 *
 *   x = [ u, v, |u − v|, 8 u · v ]      u, v the embeddings of the first and the second, at unit length
 *
 * The products of hundreds of small numbers are so small that a head would learn the cosine, their sum, last: hence the factor.
 *
 * All of it is frozen and belongs to the trunk: an example's latent is this one vector, and nothing is left for an adapter.
 *
 * Conneau et al. (2017), "Supervised learning of universal sentence representations from natural language inference data", EMNLP.
 */
import { createHash } from 'node:crypto'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { EncodedRow, Network } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { embeddingOf, unadapted } from '../../nn/head-input.ts'
import { hasIds, idsOf, valuesOf } from '../../payloads/rows.ts'
import { textPair } from '../../payloads/inputs/text-pair.ts'
import { invariant } from '../../platform/errors.ts'
import { embeddedNetwork } from '../embedded-network.ts'
import { readPair } from '../text-base.ts'

const BLOCKS = 4
const FACTOR = 8
/** ‖x‖² ≤ 1 + 1 + 4 + 64. */
const LONGEST = Math.sqrt(6 + FACTOR ** 2)

/** Raised whenever the same embeddings would give another vector. */
const EQUATIONS = 'text-pair/apart/1'

export function pairedApart(single: Base): Base {
  const { rows, isSmall, weights, quantize } = single
  return {
    ...{ name: 'text-pair', reads: [textPair], rows, weights, trunk: 'embedding' },
    hash: single.hash && createHash('sha256').update(`${EQUATIONS} ${single.hash}`).digest('hex'),
    ...(rows === 'ids' && { pairs: 'apart' }),
    ...(isSmall && { isSmall }),
    ...(quantize && { quantize }),
    network: rows === 'ids' ? pairNetwork(single.network) : vectorNetwork(single.network),
    encode(input, maxTokens) {
      const { text, text_pair } = readPair(input)
      const [first, second] = [text, text_pair].map((each) => {
        return single.encode({ kind: 'text', text: each } satisfies Input, maxTokens)
      })
      invariant(first !== undefined && second !== undefined, 'a pair has two texts')
      const dropped = (first.dropped ?? 0) + (second.dropped ?? 0)
      const row = hasIds(first) ? tokensOf(first, second) : vectorOf(first, second)
      return { ...row, ...(dropped > 0 && { dropped }) }
    },
  }
}

/** A text without tokens counts as one unknown token, id 0. */
function tokensOf(...rows: readonly [EncodedRow, EncodedRow]): EncodedRow {
  const [first = [], second = []] = rows.map((row) => {
    const ids = idsOf(row)
    return ids.length === 0 ? [0] : [...ids]
  })
  return { data: Int32Array.from([...first, ...second]), secondFrom: first.length }
}

function vectorOf(first: EncodedRow, second: EncodedRow): EncodedRow {
  const [u, v] = [valuesOf(first), valuesOf(second)]
  const { length } = u
  const data = new Float32Array(BLOCKS * length)
  for (let at = 0; at < length; at += 1) {
    const [a, b] = [u[at] ?? 0, v[at] ?? 0]
    data[at] = a
    data[length + at] = b
    data[2 * length + at] = Math.abs(a - b)
    data[3 * length + at] = FACTOR * a * b
  }
  return { data }
}

function vectorNetwork({ width }: Network): Network {
  return embeddedNetwork(BLOCKS * width, { unit: false, longest: LONGEST })
}

function pairNetwork(single: Network): Network {
  return {
    ...vectorNetwork(single),
    trunk(ops, { ids, mask, second }) {
      invariant(ids !== undefined && second !== undefined, 'a pair has two texts')
      const [u, v] = [{ ids, mask }, second].map((text) => whole(ops, single, text))
      invariant(u !== undefined && v !== undefined, 'a pair has two texts')
      const difference = ops.sub(u, v)
      const distance = ops.maximum(difference, ops.sub(v, u))
      const product = ops.mul(ops.mul(u, v), ops.scalar(FACTOR))
      return ops.concat([u, v, distance, product])
    },
  }
}

function whole<T>(ops: Ops<T>, single: Network, text: { readonly ids: T; readonly mask: T }): T {
  const { layers } = single
  const hidden = single.trunk(ops, text, layers)
  const place = { hidden, mask: text.mask, cut: layers, adaptation: unadapted<T>() }
  return embeddingOf(ops, single, place)
}
