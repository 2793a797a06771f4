/**
 * ADWIN's window: an exponential histogram. Row i holds buckets of 2ⁱ values each, oldest first; when a row has six,
 * its two oldest are merged into one of the next row. A bucket stores the sum of its values and their squares about the
 * mean.
 *
 *   squares₁₂ = squares₁ + squares₂ + n₁·n₂/(n₁ + n₂)·(μ₁ − μ₂)²
 *
 * Datar, Gionis, Indyk & Motwani (2002), "Maintaining stream statistics over sliding windows", SIAM J. Computing 31(6).
 */
export interface Bucket {
  readonly size: number
  readonly total: number
  /** Σ (x − μ)² over its values. */
  readonly squares: number
}

export interface Window {
  readonly width: number
  readonly total: number
  readonly squares: number
  /** Row i: buckets of 2ⁱ values. */
  readonly rows: readonly (readonly Bucket[])[]
}

export const emptyWindow: Window = { width: 0, total: 0, squares: 0, rows: [] }

const MOST_BUCKETS = 5

export function addBucket(window: Window, value: number): Window {
  const one = { size: 1, total: value, squares: 0 }
  const { size: width, total, squares } = joined(all(window), one)
  return { width, total, squares, rows: compressed(window.rows, one) }
}

export function dropOldest({ width, total, squares, rows }: Window): Window {
  const last = rows.at(-1) ?? []
  const [oldest, ...rest] = last
  if (oldest === undefined) return emptyWindow
  const left = { size: width - oldest.size, total: total - oldest.total, squares: 0 }
  const apart = joined(left, { ...oldest, squares: 0 }).squares
  return {
    width: left.size,
    total: left.total,
    squares: squares - oldest.squares - apart,
    rows: rest.length === 0 ? rows.slice(0, -1) : [...rows.slice(0, -1), rest],
  }
}

export function oldestFirst({ rows }: Window): readonly Bucket[] {
  return [...rows].reverse().flat()
}

function all({ width, total, squares }: Window): Bucket {
  return { size: width, total, squares }
}

function joined(one: Bucket, other: Bucket): Bucket {
  const size = one.size + other.size
  const apart = one.size > 0 && other.size > 0 ? one.total / one.size - other.total / other.size : 0
  return {
    size,
    total: one.total + other.total,
    squares: one.squares + other.squares + ((one.size * other.size) / size) * apart * apart,
  }
}

function compressed(
  rows: readonly (readonly Bucket[])[],
  added: Bucket,
): readonly (readonly Bucket[])[] {
  const [first = [], ...others] = rows
  const row = [...first, added]
  const [oldest, next, ...rest] = row
  if (row.length <= MOST_BUCKETS || oldest === undefined || next === undefined)
    return [row, ...others]
  return [rest, ...compressed(others, joined(oldest, next))]
}
