/**
 * The log of moves as a hash chain: each move has the hash of the one before it, so that one hash noted
 * elsewhere shows any later change of the moves up to it.
 *
 *   hash(n) = sha256(canonical JSON of move n and of hash(n − 1))
 *
 * The oldest moves are forgotten; the oldest that is kept names the hash before it, and the chain is checked from there.
 * A move by a release that made no hashes is covered by the first one after it.
 */
import type { Json } from '../contracts/core.ts'
import type { Routing } from './contract.ts'
import { digestOf } from '../platform/canonical-json.ts'
import { storedOf } from './routing.ts'

/** Before the first move. */
export const GENESIS = '0'.repeat(64)

/** The move as the next link after `before`. */
export function chained(move: Omit<Routing, 'hash' | 'prior'>, before: Routing | undefined) {
  const prior = linkOf(before)
  return { ...move, prior, hash: hashOf(move, prior) } satisfies Routing
}

/** The hash that the next move names as the one before it. */
export function linkOf(move: Routing | undefined): string {
  return move === undefined ? GENESIS : (move.hash ?? hashOf(move, GENESIS))
}

function hashOf(move: Routing, prior: string): string {
  const { hash: _hash, ...stored } = storedOf(move)
  return digestOf({ ...stored, prior } as unknown as Json)
}

export type BreakKind = 'altered' | 'unhashed' | 'missing' | 'unlinked'

/** A place where the chain does not hold: at this move, or between it and the next one that is known. */
export interface ChainBreak {
  readonly generation: number
  readonly kind: BreakKind
}

export interface ChainChecked {
  /** Moves with a hash that holds. */
  readonly chained: number
  /** Older ones, made before there were hashes. */
  readonly unchained: number
  readonly breaks: number
  /** In the order of time. */
  readonly firstBreak: ChainBreak | undefined
  /** The hash of the newest move. */
  readonly head: string | undefined
  /** Whether the wanted hash is that of one of the moves, or the one before the oldest. */
  readonly includesWanted: boolean
}

/** Checks moves one after another, newest first, in any number of pages. */
export class ChainCheck {
  readonly #wanted: string | undefined
  #newer: Routing | undefined
  #chained = 0
  /** Moves without a hash since the last one that has one. */
  #unhashed: number[] = []
  #breaks = 0
  #first: ChainBreak | undefined
  #head: string | undefined
  #includesWanted = false

  constructor(wanted?: string) {
    this.#wanted = wanted
  }

  add(move: Routing): void {
    this.#link(move)
    if (move.hash === undefined || move.prior === undefined) this.#unhashed.push(move.generation)
    else this.#hashed(move, move.prior)
    this.#head ??= move.hash
    this.#includesWanted ||= move.hash === this.#wanted || move.prior === this.#wanted
    this.#newer = move
  }

  get result(): ChainChecked {
    return {
      chained: this.#chained,
      unchained: this.#unhashed.length,
      breaks: this.#breaks,
      firstBreak: this.#first,
      head: this.#head,
      includesWanted: this.#wanted !== undefined && this.#includesWanted,
    }
  }

  #link(move: Routing): void {
    const newer = this.#newer
    if (newer === undefined) return
    if (move.generation !== newer.generation - 1) this.#broken(newer.generation - 1, 'missing')
    else if (newer.prior !== undefined && newer.prior !== linkOf(move))
      this.#broken(move.generation, 'unlinked')
  }

  #hashed(move: Routing, prior: string): void {
    // A hash was there before them, so theirs were taken away, or an earlier release moved in between.
    for (const generation of this.#unhashed.splice(0)) this.#broken(generation, 'unhashed')
    const isFirst = move.generation === 1
    if (move.hash !== hashOf(move, prior) || (isFirst && prior !== GENESIS))
      this.#broken(move.generation, 'altered')
    else this.#chained += 1
  }

  #broken(generation: number, kind: BreakKind): void {
    this.#breaks += 1
    if (generation <= (this.#first?.generation ?? Infinity)) this.#first = { generation, kind }
  }
}
