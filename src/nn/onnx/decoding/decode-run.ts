/** One step of a batch in its worker: new tokens of each sequence in, and the token after them drawn. */
import { invariant } from '../../../platform/errors.ts'
import { ROW_ADAPTER } from '../ops.ts'
import { ortTensor, type Feeds, type FeedTensor, type OnnxSession } from '../session.ts'
import type { Stack } from '../held-adapters.ts'
import { LAST_POSITIONS, MOST_POSITIONS, PLACES, type CacheShape } from './cached-attention.ts'
import { KeyValues } from './key-values.ts'
import { readLogits } from './record.ts'
import { likeliestOf, sampleToken, type DrawnToken, type Sampling } from './sample.ts'
import { StructuredTexts } from './structured-texts.ts'

export interface DecodeRow {
  /** A number that no other sequence of the thread has. */
  readonly sequence: number
  /** Its adapter, by its place in the run's list. */
  readonly adapter: number
  /** Positions that it had before: a thread that has lost them says so. */
  readonly from: number
  /** Its new tokens: a part of its prompt, or the one drawn last. */
  readonly ids: Int32Array
  /** Absent: the prompt goes on, and nothing is drawn. */
  readonly sampling?: Sampling & {
    readonly draw: number
    /** So many of the likeliest tokens are answered too; absent = none. */
    readonly likeliest?: number
    /** The token, where the text is known: nothing is drawn. */
    readonly given?: number
    /** With the first token of a text: the JSON of what bounds it to its end. */
    readonly bounds?: string
  }
}

/**
 * All rows have one new token, or there is one row. Outputs: `tokens` and `logprobs` [b], `bytes` of all caches, and
 * `likeliest` and `likeliest_logprobs` of the rows that ask for them, one after the other.
 */
export interface DecodeRun {
  readonly session: string
  /** Sequences that share it are in one batch: of one graph, and of equal shapes of adapters. */
  readonly lane: string
  readonly cache: CacheShape
  readonly held?: readonly string[]
  readonly rows: readonly DecodeRow[]
}

/** The batches of one thread. */
export class DecodeLanes {
  readonly #lanes = new Map<string, KeyValues>()
  readonly structured = new StructuredTexts()

  get bytes(): number {
    return [...this.#lanes.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async run(session: OnnxSession, run: DecodeRun, stack: Stack, places: readonly number[]) {
    const lane = this.#lane(run)
    const ordered = [...run.rows]
    for (const { sequence, ids, from } of ordered) {
      if (lane.length(sequence) !== from) throw new Error('the keys of a sequence were lost')
      lane.reserve(sequence, ids.length)
    }
    const from = lane.gather(ordered.map(({ sequence }) => sequence))
    ordered.sort((a, b) => lane.place(a.sequence) - lane.place(b.sequence))
    const [first] = ordered
    invariant(
      ordered.every(({ ids }) => ids.length === first?.ids.length),
      'the rows of a step have the same number of tokens',
    )
    const outputs = await session.run({
      ...stack,
      ...lane.view(from, ordered.length),
      ...ortFeeds(rowFeeds(ordered, lane, places)),
    })
    const { logits, rest } = readLogits(outputs)
    lane.write(from, ordered.length, rest)
    return this.#drawn(run.rows, ordered, logits)
  }

  end(sequences: readonly number[]): void {
    for (const sequence of sequences) this.structured.end(sequence)
    for (const [name, lane] of this.#lanes) {
      for (const sequence of sequences) lane.remove(sequence)
      if (lane.isEmpty) this.#lanes.delete(name)
    }
  }

  #draw(
    sequence: number,
    logits: Float32Array,
    { draw, given, bounds, ...sampling }: NonNullable<DecodeRow['sampling']>,
  ): DrawnToken {
    if (bounds !== undefined) this.structured.begin(sequence, bounds)
    const mask = this.structured.maskOf(sequence)
    const drawn = sampleToken(logits, sampling, draw, { given, mask })
    this.structured.write(sequence, drawn.token)
    return drawn
  }

  #lane({ lane: name, cache }: DecodeRun): KeyValues {
    const lane = this.#lanes.get(name) ?? new KeyValues(cache)
    this.#lanes.set(name, lane)
    return lane
  }

  #drawn(rows: readonly DecodeRow[], ordered: readonly DecodeRow[], logits: Float32Array): Feeds {
    const size = logits.length / ordered.length
    const drawn = rows.map((row) => {
      const at = ordered.indexOf(row)
      const own = logits.subarray(at * size, (at + 1) * size)
      return row.sampling && this.#draw(row.sequence, own, row.sampling)
    })
    const shape = [rows.length]
    const likeliest = rows.flatMap((row) => {
      const at = ordered.indexOf(row)
      const count = row.sampling?.likeliest ?? 0
      return count === 0 ? [] : likeliestOf(logits.subarray(at * size, (at + 1) * size), count)
    })
    return {
      ...(likeliest.length > 0 && {
        likeliest: {
          shape: [likeliest.length],
          data: Int32Array.from(likeliest, ({ token }) => token),
        },
        likeliest_logprobs: {
          shape: [likeliest.length],
          data: Float32Array.from(likeliest, ({ logProbability }) => logProbability),
        },
      }),
      tokens: { shape, data: Int32Array.from(drawn, (each) => each?.token ?? -1) },
      logprobs: { shape, data: Float32Array.from(drawn, (each) => each?.logProbability ?? 0) },
      bytes: { shape: [1], data: Float32Array.of(this.bytes) },
    }
  }
}

function rowFeeds(
  rows: readonly DecodeRow[],
  lane: KeyValues,
  places: readonly number[],
): Readonly<Record<string, FeedTensor>> {
  const added = rows[0]?.ids.length ?? 0
  const shape = [rows.length, added]
  const lengths = rows.map(({ sequence }) => lane.length(sequence))
  const at = lengths.flatMap((length) =>
    Array.from({ length: added }, (_, index) => length + index),
  )
  return {
    ids: { shape, data: Int32Array.from(rows.flatMap(({ ids }) => [...ids])) },
    mask: { shape, data: new Float32Array(rows.length * added).fill(1) },
    [PLACES]: { shape, data: Int32Array.from(at) },
    [LAST_POSITIONS]: {
      shape: [rows.length],
      data: Int32Array.from(lengths, (length) => length + added - 1),
    },
    [MOST_POSITIONS]: { shape: [], data: Int32Array.of(Math.max(...lengths) + added) },
    [ROW_ADAPTER]: {
      shape: [rows.length],
      data: Int32Array.from(rows, ({ adapter }) => places[adapter] ?? 0),
    },
  }
}

function ortFeeds(feeds: Feeds) {
  return Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, ortTensor(feed)]))
}
