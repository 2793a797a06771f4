/**
 * The demo's stream: the UCI Sentiment Labelled Sentences, as shipped in npm `sentiment`.
 *
 * Three domains one after the other form a real drift. Each is shuffled with the seed; four fifths are for training and
 * one fifth for testing, without the few test sentences that differ from training sentences only in case and
 * punctuation. The last row of each file has no class: a real malformed row, which is sent as it is.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Random } from '../../contracts/core.ts'
import { invariant } from '../../platform/errors.ts'

export const domains = ['yelp', 'amazon', 'imdb'] as const
export type Domain = (typeof domains)[number]

export interface Row {
  readonly text: string
  /** null in the malformed rows. */
  readonly label: string | null
  readonly domain: Domain
}

export interface DomainRows {
  readonly domain: Domain
  readonly taught: readonly Row[]
  readonly heldOut: readonly Row[]
  readonly malformed: readonly Row[]
}

/** Rows of every domain, in training order. */
export function readDomains(random: Random): readonly DomainRows[] {
  const stream = domains.map((domain) => {
    const rows = readRows(domain)
    const whole = shuffled(
      rows.filter((row) => row.label !== null),
      random,
    )
    const kept = Math.floor(whole.length / 5)
    return {
      domain,
      heldOut: whole.slice(0, kept),
      taught: whole.slice(kept),
      malformed: rows.filter((row) => row.label === null),
    }
  })
  const taught = new Set(stream.flatMap((rows) => rows.taught.map(wordsOf)))
  return stream.map((rows) => ({
    ...rows,
    heldOut: rows.heldOut.filter((row) => !taught.has(wordsOf(row))),
  }))
}

/** Equal for two sentences that differ only in case and punctuation. */
function wordsOf({ text }: Row): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

function readRows(domain: Domain): readonly Row[] {
  const path = createRequire(import.meta.url).resolve(`sentiment/test/fixtures/${domain}.json`)
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
  invariant(Array.isArray(parsed), `${path} holds a list`)
  return parsed.map((row: unknown) => {
    invariant(isSentence(row), `${path} holds sentences with a class`)
    return { text: row.text, label: labelOf(row.class), domain }
  })
}

function isSentence(row: unknown): row is { text: string; class: number | null } {
  return typeof row === 'object' && row !== null && 'text' in row && typeof row.text === 'string'
}

function labelOf(sentimentClass: number | null): string | null {
  if (sentimentClass === null) return null
  return sentimentClass === 1 ? 'positive' : 'negative'
}

/** Fisher and Yates (1938). */
export function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1)
    const kept = order[last]
    const moved = order[other]
    if (kept === undefined || moved === undefined) continue
    order[last] = moved
    order[other] = kept
  }
  return order
}
