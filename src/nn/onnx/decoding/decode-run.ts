/** One step of a batch in its worker: new tokens of each sequence in, and the token after them drawn. */
import { invariant } from '../../../platform/errors.ts'
import { ROW_ADAPTER } from '../ops.ts'
import { ortTensor, type Feeds, type FeedTensor, type OnnxSession } from '../session.ts'
import type { Stack } from '../held-adapters.ts'
import type { CacheShape } from '../causal-attention.ts'
import { LAST_POSITIONS, MOST_POSITIONS, PLACES } from './cached-attention.ts'
import { KeyValues } from './key-values.ts'
import { PrefixCache } from './prefix-cache.ts'
import { ASKED, readLogits } from './record.ts'
import { likeliestOf, sampleToken, type DrawnToken, type Likely, type Sampling } from './sample.ts'
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
  /** Of a row that is alone in its step: what follows the first of its positions, and is to be answered with how likely it is. */
  readonly next?: {
    readonly ids: Int32Array
    /** So many of the likeliest tokens are answered for each. */
    readonly likeliest: number
  }
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
 * All rows have one new token, or there is one row. Outputs: `tokens` and `logprobs` [b, and then those of `next`], `bytes` of the
 * texts, `kept` bytes of prefixes, and `likeliest` and `likeliest_logprobs` of those that ask for them, one after the other.
 */
export interface DecodeRun {
  readonly session: string
  /** Sequences that share it are in one batch: of one graph, and of equal shapes of adapters. */
  readonly lane: string
  readonly cache: CacheShape
  readonly held?: readonly string[]
  readonly rows: readonly DecodeRow[]
  /** Of the keys and values of texts, and of those that are kept for later ones; absent: none are kept. */
  readonly mostBytes?: number | undefined
}

/** A new sequence that begins with what is kept of its first tokens, before its first run. */
export interface PrefixReuse extends Pick<DecodeRun, 'lane' | 'cache'> {
  readonly sequence: number
  readonly adapter: string
  readonly ids: Int32Array
}

/** Texts that have ended, and adapters that no text will begin with again. */
export interface EndedTexts {
  readonly sequences: readonly number[]
  readonly adapters?: readonly string[]
}

/** What a sequence has read so far. */
interface ReadText {
  readonly adapter: string
  readonly tokens: number[]
  /** Its prompt was read to its end. */
  hasDrawn: boolean
}

/** The batches of one thread. */
export class DecodeLanes {
  readonly #lanes = new Map<string, KeyValues>()
  readonly #texts = new Map<number, ReadText>()
  readonly #prefixes = new PrefixCache()
  #mostBytes = 0
  readonly structured = new StructuredTexts()

  get bytes(): number {
    return [...this.#lanes.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** `reused` [1]: how many positions it has now. */
  reuse({ sequence, adapter, ids, ...run }: PrefixReuse): Feeds {
    const lane = this.#lane(run)
    const length = this.#prefixes.reuse(adapter, ids, lane, sequence)
    if (length > 0)
      this.#texts.set(sequence, { adapter, tokens: [...ids.subarray(0, length)], hasDrawn: false })
    this.#makeRoom()
    return { reused: { shape: [1], data: Int32Array.of(length) }, ...this.#kept() }
  }

  async run(session: OnnxSession, run: DecodeRun, stack: Stack, places: readonly number[]) {
    const lane = this.#lane(run)
    this.#mostBytes = run.mostBytes ?? 0
    const ordered = [...run.rows]
    for (const { sequence, ids, from } of ordered) {
      if (lane.length(sequence) !== from) throw new Error('the keys of a sequence were lost')
      lane.reserve(sequence, ids.length)
    }
    this.#makeRoom()
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
    for (const row of run.rows) this.#read(row, run)
    return this.#drawn(run.rows, ordered, logits)
  }

  /** What a text that has begun to be written has is kept for those that begin with it. */
  end({ sequences, adapters = [] }: EndedTexts): Feeds {
    for (const sequence of sequences) {
      this.structured.end(sequence)
      if (this.#texts.get(sequence)?.hasDrawn === true) this.#keep(sequence)
      this.#texts.delete(sequence)
    }
    for (const [name, lane] of this.#lanes) {
      for (const sequence of sequences) lane.remove(sequence)
      if (lane.isEmpty) this.#lanes.delete(name)
    }
    for (const adapter of adapters) this.#prefixes.drop(adapter)
    return this.#kept()
  }

  /** A prompt is kept as soon as it was read, so that the other texts of a request begin with it. */
  #read({ sequence, adapter, ids, sampling }: DecodeRow, { held = [] }: DecodeRun): void {
    const text = this.#texts.get(sequence) ?? {
      ...{ adapter: held[adapter] ?? '', tokens: [], hasDrawn: false },
    }
    this.#texts.set(sequence, text)
    text.tokens.push(...ids)
    if (sampling === undefined || text.hasDrawn) return
    text.hasDrawn = true
    this.#keep(sequence)
  }

  #keep(sequence: number): void {
    const text = this.#texts.get(sequence)
    const lane = [...this.#lanes.values()].find((each) => each.length(sequence) > 0)
    if (text === undefined || lane === undefined) return
    const mostBytes = this.#mostBytes - this.bytes
    const ids = Int32Array.from(text.tokens)
    this.#prefixes.keep(text.adapter, ids, { lane, sequence, mostBytes })
  }

  /** The texts that are written come first. */
  #makeRoom(): void {
    this.#prefixes.evict(this.#mostBytes - this.bytes)
  }

  #kept(): Feeds {
    return { kept: { shape: [1], data: Float32Array.of(this.#prefixes.bytes) } }
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

  #lane({ lane: name, cache }: Pick<DecodeRun, 'lane' | 'cache'>): KeyValues {
    const lane = this.#lanes.get(name) ?? new KeyValues(cache)
    this.#lanes.set(name, lane)
    return lane
  }

  #drawn(rows: readonly DecodeRow[], ordered: readonly DecodeRow[], logits: Float32Array): Feeds {
    const asked = askedOf(ordered).length
    const size = logits.length / (ordered.length * asked)
    const logitsAt = (place: number) => logits.subarray(place * size, (place + 1) * size)
    const likely = (place: number, count: number) =>
      count > 0 && { likeliest: likeliestOf(logitsAt(place), count) }
    const last = rows.map((row): DrawnToken => {
      const place = (ordered.indexOf(row) + 1) * asked - 1
      if (row.sampling === undefined) return { token: -1, logProbability: 0 }
      const drawn = this.#draw(row.sequence, logitsAt(place), row.sampling)
      return { ...drawn, ...likely(place, row.sampling.likeliest ?? 0) }
    })
    const next = rows.flatMap(({ next: { ids, likeliest } = { ids: [], likeliest: 0 } }) =>
      Array.from(ids, (given, place): DrawnToken => {
        const scored = sampleToken(logitsAt(place), LIKELIEST, 0, { given })
        return { ...scored, ...likely(place, likeliest) }
      }),
    )
    const drawn = [...last, ...next]
    const likeliest = drawn.flatMap((each) => each.likeliest ?? [])
    return {
      ...tensorsOf(drawn, 'tokens', 'logprobs'),
      ...(likeliest.length > 0 && tensorsOf(likeliest, 'likeliest', 'likeliest_logprobs')),
      bytes: { shape: [1], data: Float32Array.of(this.bytes) },
      ...this.#kept(),
    }
  }
}

const LIKELIEST: Sampling = { temperature: 0, topP: 1 }

function tensorsOf(tokens: readonly Likely[], ids: string, logs: string): Feeds {
  const shape = [tokens.length]
  return {
    [ids]: { shape, data: Int32Array.from(tokens, ({ token }) => token) },
    [logs]: { shape, data: Float32Array.from(tokens, ({ logProbability }) => logProbability) },
  }
}

/** The last position, or all of a row that has more to be asked about. */
function askedOf([first]: readonly DecodeRow[]): readonly number[] {
  const added = first?.ids.length ?? 0
  return first?.next === undefined ? [added - 1] : Array.from({ length: added }, (_, at) => at)
}

function rowFeeds(
  rows: readonly DecodeRow[],
  lane: KeyValues,
  places: readonly number[],
): Readonly<Record<string, FeedTensor>> {
  const added = rows[0]?.ids.length ?? 0
  const asked = askedOf(rows)
  const shape = [rows.length, added]
  const lengths = rows.map(({ sequence }) => lane.length(sequence))
  const at = lengths.flatMap((length) =>
    Array.from({ length: added }, (_, index) => length + index),
  )
  return {
    ids: { shape, data: Int32Array.from(rows.flatMap(({ ids }) => [...ids])) },
    mask: { shape, data: new Float32Array(rows.length * added).fill(1) },
    [ASKED]: { shape: [asked.length], data: Int32Array.from(asked) },
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
