/**
 * Keeps the text of users apart from the control tokens of a chat template. Before a conversation is rendered, a private
 * character goes in front of each place in a content where a control token begins, or could begin or end together with what
 * the template writes around it. In the rendering only unmarked control tokens count, and the marks are removed.
 */
import { failure } from '../../platform/errors.ts'

/** A part of a rendering: a control token, or text. */
export type RenderedPart =
  | { readonly kind: 'control'; readonly token: string }
  | { readonly kind: 'text'; readonly text: string }

export interface ControlMarks {
  /** A content as the template may read it. */
  mark(content: string): string
  split(rendering: string): readonly RenderedPart[]
}

/** Private-use characters of Unicode: the Basic Multilingual Plane's, then planes 15 and 16. */
const PRIVATE: readonly (readonly [from: number, to: number])[] = [
  [0xe000, 0xf8ff],
  [0xf0000, 0xffffd],
  [0x100000, 0x10fffd],
]

/** `texts`: everything that the rendering may hold, so that the mark is a character of none of them. */
export function controlMarks(controls: readonly string[], texts: readonly string[]): ControlMarks {
  const mark = unusedIn(texts.join(''))
  const longestFirst = [...controls]
    .filter((token) => token !== '')
    .sort((a, b) => b.length - a.length)
  const anyOf = longestFirst.map(escaped).join('|')
  if (anyOf === '') return { mark: (content) => content, split: (text) => [{ kind: 'text', text }] }
  const begins = new RegExp(`(?=${anyOf})`, 'gu')
  const unmarked = new RegExp(`(?<!${mark})(${anyOf})`, 'u')
  return {
    mark(content) {
      const places = new Set(Array.from(content.matchAll(begins), ({ index }) => index))
      for (const place of edges(content, controls)) places.add(place)
      return insertedAt(
        content,
        [...places].sort((a, b) => a - b),
        mark,
      )
    },
    split: (rendering) =>
      rendering.split(unmarked).flatMap((piece, at): readonly RenderedPart[] => {
        // The pieces at odd places were captured by the expression.
        if (at % 2 === 1) return [{ kind: 'control', token: piece }]
        const text = piece.replaceAll(mark, '')
        return text === '' ? [] : [{ kind: 'text', text }]
      }),
  }
}

function unusedIn(text: string): string {
  for (const [from, to] of PRIVATE)
    for (let code = from; code <= to; code += 1) {
      const character = String.fromCodePoint(code)
      if (!text.includes(character)) return character
    }
  throw failure('INPUT_TOO_LONG', 'the messages hold every private-use character of Unicode')
}

/** Where a content, without white space around it, may be the end, the middle or the beginning of a control token. */
function edges(content: string, controls: readonly string[]): readonly number[] {
  const from = content.length - content.trimStart().length
  const to = content.trimEnd().length
  if (from >= to) return []
  const inner = content.slice(from, to)
  const places: number[] = []
  for (const token of controls) {
    if (token.includes(inner)) places.push(from)
    for (let size = 1; size < Math.min(token.length, inner.length + 1); size += 1) {
      if (inner.startsWith(token.slice(-size))) places.push(from)
      if (inner.endsWith(token.slice(0, size))) places.push(to - size)
    }
  }
  return places
}

function insertedAt(content: string, places: readonly number[], mark: string): string {
  const bounds = [0, ...places, content.length]
  return bounds
    .slice(1)
    .map((to, at) => content.slice(bounds[at], to))
    .join(mark)
}

function escaped(token: string): string {
  return token.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
