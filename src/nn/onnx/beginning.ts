/**
 * Texts that begin with the same tokens, read once: a run computes the beginning and hands out its keys and values, and runs of
 * what each text has behind it are given them. The trunk's graph has them as inputs, empty for texts that are read whole.
 *
 * A text has the bits that it has by itself: products of matrices compute a position the same among any others, and the
 * attention of a position goes over its own keys alone.
 */
import type { Base } from '../../contracts/base.ts'
import type { EncodedRow, Latent } from '../../contracts/network.ts'
import type { CausalAttention } from '../../contracts/ops.ts'
import { invariant } from '../../platform/errors.ts'
import { Mutex } from '../../platform/store/lock.ts'
import { feedsOf } from '../rows.ts'
import type { CachePart, CacheShape } from './decoding/cached-attention.ts'
import type { OnnxGraph, Value } from './graph.ts'
import type { OrtPool } from './pool.ts'
import type { Feeds } from './session.ts'

const parts = ['key', 'value'] as const satisfies readonly CachePart[]

/** The graph's input, [b, keyHeads, positions, headSize]; the output of all positions has PRESENT before it. */
const nameOf = (layer: number, part: CachePart) => `beginning/${layer}/${part}`
const PRESENT = 'present/'

/** Records them for each layer, in the order in which the network asks. */
export class BeginningRecorder {
  readonly #graph: OnnxGraph
  #shape: CacheShape | undefined

  constructor(graph: OnnxGraph) {
    this.#graph = graph
  }

  /** Undefined if the trunk has no attention. */
  get shape(): CacheShape | undefined {
    return this.#shape
  }

  /** `attend` makes the operator, whose further outputs are the keys and values of all positions. */
  record(
    { keyHeads, headSize }: Pick<CausalAttention<Value>, 'keyHeads' | 'headSize'>,
    attend: (earlier: readonly [Value, Value], positions: Value) => readonly [Value, ...Value[]],
  ): Value {
    const graph = this.#graph
    const layer = this.#shape?.layers ?? 0
    this.#shape = { layers: layer + 1, keyHeads, headSize }
    const sizes = ['batch', keyHeads, 'beginning', headSize]
    const input = (part: CachePart) => graph.input(nameOf(layer, part), 'float32', sizes)
    const [key, value] = [input('key'), input('value')]
    const positions = graph.op('Shape', [key], { start: { int: 2 }, end: { int: 3 } })
    const [attended, ...present] = attend([key, value], positions)
    for (const [at, part] of parts.entries()) {
      const all = present[at]
      invariant(all, 'attention hands out keys and values')
      graph.output(`${PRESENT}${nameOf(layer, part)}`, all)
    }
    return attended
  }
}

/** What texts that are read whole are given. */
export function noBeginning({ layers, keyHeads, headSize }: CacheShape, rows: number): Feeds {
  const empty = { shape: [rows, keyHeads, 0, headSize], data: new Float32Array(0) }
  return Object.fromEntries(
    Array.from({ length: layers }, (_, layer) =>
      parts.map((part) => [nameOf(layer, part), empty] as const),
    ).flat(),
  )
}

export const HIDDEN = 'hidden'
/** A run of one position is products with a vector, whose sums come in another order: padding behind it is not seen. */
const LEAST_POSITIONS = 2

/** Rows are read one after the other, so that the keys and values of one beginning are in memory. */
export class BeginningReader {
  readonly #pool: OrtPool
  readonly #session: string
  readonly #base: Base
  readonly #shape: CacheShape
  readonly #turns = new Mutex()

  constructor(pool: OrtPool, session: string, base: Base, shape: CacheShape) {
    this.#pool = pool
    this.#session = session
    this.#base = base
    this.#shape = shape
  }

  /** The latents of the beginning, and of each end's own tokens; an end may be empty. */
  read(beginning: EncodedRow, ends: readonly Int32Array[]): Promise<readonly Latent[]> {
    return this.#turns.take(() => this.#read(beginning, ends))
  }

  async #read(beginning: EncodedRow, ends: readonly Int32Array[]): Promise<readonly Latent[]> {
    const { hidden, keysAndValues } = await this.#run(beginning, noBeginning(this.#shape, 1))
    const behind = ends.map(async (data) => {
      if (data.length === 0) return { ...hidden, positions: 0, data: new Float32Array(0) }
      return (await this.#run({ data }, keysAndValues, [HIDDEN])).hidden
    })
    return [hidden, ...(await Promise.all(behind))]
  }

  async #run(row: EncodedRow, given: Feeds, outputs?: readonly string[]) {
    const { length } = row.data
    const { [HIDDEN]: found, ...present } = await this.#pool.run({
      session: this.#session,
      feeds: { ...feedsOf([row], Math.max(LEAST_POSITIONS, length), this.#base), ...given },
      ...(outputs && { outputs }),
    })
    const [hidden] = latentsIn(found, [length])
    invariant(hidden, 'a row has a latent')
    const named = Object.entries(present).map(
      ([name, all]) => [name.slice(PRESENT.length), all] as const,
    )
    return { hidden, keysAndValues: Object.fromEntries(named) }
  }
}

/** hidden [b, s, width] → of each row its leading positions. */
export function latentsIn(hidden: Feeds[string] | undefined, lengths: readonly number[]) {
  const [, positions, width] = hidden?.shape ?? []
  invariant(hidden?.data instanceof Float32Array && positions && width, 'a trunk without output')
  const { data } = hidden
  const stride = positions * width
  // Copies, if there are several: each is kept for a time of its own.
  return lengths.map((length, at): Latent => {
    const size = length * width
    const own = data.length === size ? data : data.slice(at * stride, at * stride + size)
    return { positions: length, width, data: own }
  })
}
