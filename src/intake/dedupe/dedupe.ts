/**
 * Law 1: one event id changes the learner at most once, over restarts, rebalances and sources. Ids are stored as
 * 16-byte hashes (a collision among a billion ids has a probability of 10⁻²¹), loaded from the checkpoint on first use;
 * ids accepted since then go into the next checkpoint.
 *
 * An id with a different signal supersedes the earlier event. Events undone by a rollback can be sent again.
 */
import { hash } from 'node:crypto'
import type { ExampleKey } from '../../contracts/core.ts'
import { FORGOTTEN, LET_AGAIN, RETRACTED, UNKNOWN_SIGNAL } from '../events/event-key.ts'
import { hashesIn, HASH_BYTES, SeenIds, type IdHash } from './seen-ids.ts'

/** [from, to): ordinals of ids. */
type Span = readonly [from: number, to: number]
/**
 * Which accepted ids belong to the present line of versions: spans of ordinals, oldest first. A rollback leaves out the
 * ids after the restored version, so that those events can be sent again; moving forward includes them again.
 */
export type VersionLine = readonly Span[]

/** More turns of a line are merged: ids between them then count as known. */
const MOST_SPANS = 1000

/** Everything that was accepted: for a checkpoint from before there were lines. */
const wholeVersionLine: VersionLine = [[0, Number.MAX_SAFE_INTEGER]]

function isIn(line: VersionLine, ordinal: number): boolean {
  return line.some(([from, to]) => from <= ordinal && ordinal < to)
}

/** As it was when `end` ids had been accepted. */
function upTo(line: VersionLine, end: number): VersionLine {
  return line.filter(([from]) => from < end).map(([from, to]) => [from, Math.min(to, end)])
}

/** A line that continues from `end`; ids before `begin` are forgotten. */
function goingOn(line: VersionLine, begin: number, end: number): VersionLine {
  const known = line.filter(([from, to]) => to > begin && from < to)
  const spans: Span[] = [...known, [end, Number.MAX_SAFE_INTEGER]]
  const [first, second, ...rest] = spans
  if (spans.length <= MOST_SPANS || first === undefined || second === undefined) return spans
  return [[first[0], second[1]], ...rest]
}

/** Consecutive ids, 16 bytes each. */
export interface IdRun {
  /** How many ids came before the first of them, since the model was created. */
  readonly first: number
  readonly hashes: Uint8Array
  /** Digests of their signals, 4 bytes each; absent = unknown. */
  readonly digests?: Uint8Array
}

/** `undone`: it was accepted, but the restored version has not learned it, or it was refused later. */
export type DedupeVerdict = 'new' | 'same' | 'other' | 'undone' | 'retracted' | 'forgotten'

export class Dedupe {
  readonly #load: () => readonly IdRun[]
  readonly #limit: number
  #ids: SeenIds | undefined
  #line: VersionLine = wholeVersionLine
  /** Ids from this ordinal on are not in the checkpoint. */
  #savedEnd = 0
  /** A lookup is usually followed by an insertion of the same id. */
  #last: { readonly key: ExampleKey; readonly words: IdHash } | undefined

  /** `load` returns the ids of the checkpoint, oldest first; the newest `limit` ids are kept. */
  constructor(load: () => readonly IdRun[], limit: number) {
    this.#load = load
    this.#limit = limit
  }

  /** Ids accepted since the last checkpoint, as far as they are still kept. */
  get fresh(): IdRun {
    const first = Math.max(this.#savedEnd, this.forgotten)
    const hashes = this.#ids?.bytesFrom(first) ?? new Uint8Array()
    const digests = this.#ids?.digestsFrom(first) ?? new Uint8Array()
    return { first, hashes, ...(digests.some((byte) => byte > 0) && { digests }) }
  }

  /** Ids forgotten since the model was created: a duplicate of one would be learned. */
  get forgotten(): number {
    return this.#ids?.forgotten ?? 0
  }

  /** The part of all ids that the present versions have seen. */
  get line(): VersionLine {
    return this.#line
  }

  /** For a new version while the events of these keys are not learned yet: they were accepted last. */
  lineWithout(pending: readonly ExampleKey[]): VersionLine {
    return upTo(this.#line, this.#firstOf(pending))
  }

  restoreLine(line: VersionLine): void {
    this.#line = line
  }

  /** The learner moves back, or forward, to a version with this line; it is about to learn the events of these keys. */
  goTo(line: VersionLine, pending: readonly ExampleKey[]): void {
    this.#line = goingOn(line, this.forgotten, this.#firstOf(pending))
  }

  see(key: ExampleKey, digest: number): DedupeVerdict {
    const found = this.#known().find(this.#wordsOf(key))
    if (found === undefined) return 'new'
    if (found.digest === RETRACTED) return 'retracted'
    if (found.digest === FORGOTTEN) return 'forgotten'
    if (found.digest === LET_AGAIN || !isIn(this.#line, found.ordinal)) return 'undone'
    return found.digest === digest || found.digest === UNKNOWN_SIGNAL ? 'same' : 'other'
  }

  /** Accepted, and not undone by a rollback. */
  has(key: ExampleKey): boolean {
    const found = this.#known().find(this.#wordsOf(key))
    return found !== undefined && isIn(this.#line, found.ordinal)
  }

  /** The digest of its last signal; undefined if it was never accepted. */
  digestOf(key: ExampleKey): number | undefined {
    return this.#known().find(this.#wordsOf(key))?.digest
  }

  add(key: ExampleKey, digest = UNKNOWN_SIGNAL): void {
    const seen = this.see(key, digest)
    if (seen === 'same' || seen === 'forgotten' || (seen === 'retracted' && digest === RETRACTED))
      return
    this.#known().add(this.#wordsOf(key), digest)
  }

  /** The checkpoint contains them now. */
  saved(): void {
    this.#savedEnd = this.#ids?.end ?? this.#savedEnd
  }

  /** As its ids are kept. */
  hashOf(key: ExampleKey): IdHash {
    return this.#wordsOf(key)
  }

  #firstOf(pending: readonly ExampleKey[]): number {
    const ids = this.#known()
    let first = ids.end
    for (const key of pending) {
      const ordinal = ids.find(this.#wordsOf(key))?.ordinal
      if (ordinal !== undefined && ordinal < first) first = ordinal
    }
    return first
  }

  #wordsOf(key: ExampleKey): IdHash {
    if (this.#last?.key !== key) this.#last = { key, words: wordsOf(key) }
    return this.#last.words
  }

  #known(): SeenIds {
    if (this.#ids !== undefined) return this.#ids
    const runs = this.#load()
    let ids = new SeenIds(this.#limit, runs[0]?.first)
    for (const run of runs) {
      // More came between two saves than are kept: ids before the gap were already forgotten then.
      if (run.first > ids.end) ids = new SeenIds(this.#limit, run.first)
      // After a repeated save, two runs may begin with the same ids.
      for (const [id, digest] of idsIn(run, ids.end - run.first)) ids.add(id, digest)
    }
    this.#savedEnd = ids.end
    this.#ids = ids
    return ids
  }
}

function* idsIn({ hashes, digests }: IdRun, from: number): Generator<[IdHash, number]> {
  const words = digests && new Uint32Array(digests.slice().buffer)
  let at = from
  for (const id of hashesIn(hashes.subarray(from * HASH_BYTES))) {
    yield [id, words?.[at] ?? UNKNOWN_SIGNAL]
    at += 1
  }
}

export function hashOf(key: ExampleKey): Uint8Array {
  return new Uint8Array(Uint32Array.from(wordsOf(key)).buffer)
}

/** As one-byte characters, which cost a quarter of a buffer. */
function wordsOf(key: ExampleKey): IdHash {
  const digest = hash('sha256', key, 'binary')
  return [wordAt(digest, 0), wordAt(digest, 4), wordAt(digest, 8), wordAt(digest, 12)]
}

/** Little-endian, as the machine lays out words. */
function wordAt(digest: string, at: number): number {
  const low = digest.charCodeAt(at) | (digest.charCodeAt(at + 1) << 8)
  const high = digest.charCodeAt(at + 2) | (digest.charCodeAt(at + 3) << 8)
  return (low | (high << 16)) >>> 0
}
