/** Spans over words: a row has one position for each word of a text, for tests that need no base. */
import type { EncodedRow } from '../../src/contracts/network.ts'
import type { SaidSpan } from '../../src/payloads/signals/spans.ts'
import type { LabelRules } from '../../src/tasks/labels/label-rules.ts'
import { openSpans } from '../../src/tasks/spans/spans.ts'
import { placedTarget, type SpanTarget } from '../../src/tasks/spans/target.ts'

export function spansOf(rules: Partial<LabelRules> = {}) {
  return openSpans({ open: false, known: [], retired: [], limit: 1024, ...rules })
}

export type SaidRow = readonly [start: number, end: number, label: string, text?: string]

export function said(...spans: readonly SaidRow[]): readonly SaidSpan[] {
  return spans.map(([start, end, label, text]) => ({
    ...{ start, end, label },
    ...(text !== undefined && { text }),
  }))
}

/** Ids count the letters of the words, so that the same word has the same one. */
export function wordRow(text: string, most = Infinity): EncodedRow {
  const words = [...text.matchAll(/\S+/g)]
  const read = words.slice(0, most)
  const dropped = words.length - read.length
  return {
    data: Int32Array.from(
      read,
      ([word]) => Array.from(word).reduce((sum, c) => 31 * sum + c.charCodeAt(0), 7) % 9973,
    ),
    offsets: Int32Array.from(read.flatMap((word) => [word.index, word.index + word[0].length])),
    ...(dropped > 0 && { dropped }),
  }
}

export function inWords(text: string, spans: readonly SaidSpan[], most = Infinity): SpanTarget {
  const { offsets = new Int32Array(), dropped } = wordRow(text, most)
  return placedTarget({ kind: 'all', spans }, { text, offsets, isCut: dropped !== undefined })
}
