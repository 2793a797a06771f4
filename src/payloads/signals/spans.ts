/**
 * Labelled pieces of a text: all of them, some that an answer lacks, or some that it has wrongly. Places are counted in
 * characters (Unicode code points) from 0, and `end` is the first character behind the piece.
 */
import type { Json } from '../../contracts/core.ts'
import type { SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { below, given, isObject, refuse, type JsonObject } from '../reading.ts'
import { label } from './label.ts'

export type SaidSpan = Readonly<{
  start: number
  end: number
  label: string
  /** The piece, so that places of another count are noticed. */
  text?: string
}>

/** A piece of an answer; without a label whatever the answer calls it. */
export type NamedSpan = Readonly<Omit<SaidSpan, 'label'> & { label?: string }>

export type SpansSignal = Readonly<{ kind: 'spans'; spans: readonly SaidSpan[] }>
export type AddSpansSignal = Readonly<{ kind: 'add_spans'; add_spans: readonly SaidSpan[] }>
export type RemoveSpansSignal = Readonly<{
  kind: 'remove_spans'
  remove_spans: readonly NamedSpan[]
}>

type SpanLimits = Pick<Limits, 'label_characters' | 'text_characters'>

export const spans: SignalKind<SpansSignal> = {
  name: 'spans',
  summary: 'all labelled pieces of a text; an empty list = it has none',
  words: ['spans'],
  isCorrection: true,
  about: 'input',
  flags: {
    spans: {
      description: 'all labelled pieces of the text, as JSON: [{start, end, label}]',
      as: 'json',
    },
  },
  read: (value, limits: SpanLimits, pointer) => ({
    kind: 'spans',
    spans: readList(value, pointer, (item, at) => saidSpan(item, limits, at)),
  }),
  schema: (limits: SpanLimits) => ({ spans: schemaOf('all labelled pieces of the text', limits) }),
}

export const addSpans: SignalKind<AddSpansSignal> = {
  name: 'add_spans',
  summary: 'labelled pieces that an answer lacks; it says nothing about the rest of the text',
  words: ['add_spans'],
  about: 'answer',
  flags: {
    add_spans: {
      description: 'pieces that the answer lacks, as JSON: [{start, end, label}]',
      as: 'json',
    },
  },
  read: (value, limits: SpanLimits, pointer) => ({
    kind: 'add_spans',
    add_spans: some(
      readList(value, pointer, (item, at) => saidSpan(item, limits, at)),
      pointer,
    ),
  }),
  schema: (limits: SpanLimits) => ({
    add_spans: {
      ...schemaOf(
        'labelled pieces that the answer lacks; those that they overlap were wrong',
        limits,
      ),
      minItems: 1,
    },
  }),
}

export const removeSpans: SignalKind<RemoveSpansSignal> = {
  name: 'remove_spans',
  summary: 'pieces of an answer that are wrong; it says nothing about the rest of the text',
  words: ['remove_spans'],
  about: 'answer',
  flags: {
    remove_spans: {
      description: 'pieces of the answer that are wrong, as JSON: [{start, end}]',
      as: 'json',
    },
  },
  read: (value, limits: SpanLimits, pointer) => ({
    kind: 'remove_spans',
    remove_spans: some(
      readList(value, pointer, (item, at) => namedSpan(item, limits, at)),
      pointer,
    ),
  }),
  schema: (limits: SpanLimits) => ({
    remove_spans: {
      ...schemaOf('pieces of the answer that are wrong', limits, ['start', 'end']),
      minItems: 1,
    },
  }),
}

function readList<Span extends NamedSpan>(
  value: Json,
  pointer: string,
  read: (item: JsonObject, pointer: string) => Span,
): readonly Span[] {
  if (!Array.isArray(value)) throw refuse('SPANS_INVALID', pointer, 'not a list of spans')
  const found = value.map((item: Json, index) => {
    const at = below(pointer, index)
    if (isObject(item)) return { at, span: read(item, at) }
    throw refuse('SPANS_INVALID', at, 'not an object { start, end, label }')
  })
  const sorted = found.toSorted((one, other) => one.span.start - other.span.start)
  for (const [index, { at, span }] of sorted.entries()) {
    const before = sorted[index - 1]?.span
    if (before !== undefined && span.start < before.end)
      throw refuse('SPANS_INVALID', at, `${placeOf(span)} overlaps ${placeOf(before)}`)
  }
  return sorted.map(({ span }) => span)
}

function some<Span>(list: readonly Span[], pointer: string): readonly Span[] {
  if (list.length > 0) return list
  throw refuse('SPANS_INVALID', pointer, 'an empty list says nothing')
}

export function placeOf({ start, end }: Pick<SaidSpan, 'start' | 'end'>): string {
  return `${start}–${end}`
}

function saidSpan(item: JsonObject, limits: SpanLimits, pointer: string): SaidSpan {
  const named = given(item, 'label')
  const at = below(pointer, 'label')
  if (named === undefined) throw refuse('SPANS_INVALID', at, 'missing: a span has a label')
  const said = label.read(named, limits, at, 'label')
  return { ...places(item, pointer), label: said.label, ...pieceOf(item, pointer) }
}

function namedSpan(item: JsonObject, limits: SpanLimits, pointer: string): NamedSpan {
  if (given(item, 'label') !== undefined) return saidSpan(item, limits, pointer)
  return { ...places(item, pointer), ...pieceOf(item, pointer) }
}

function places(item: JsonObject, pointer: string): Pick<SaidSpan, 'start' | 'end'> {
  const place = (name: 'start' | 'end') => {
    const value = given(item, name)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value + 0
    const why = 'a whole number of characters (Unicode code points) from the beginning of the text'
    throw refuse(
      'SPANS_INVALID',
      below(pointer, name),
      value === undefined ? `missing: ${why}` : why,
    )
  }
  const [start, end] = [place('start'), place('end')]
  if (start < end) return { start, end }
  throw refuse(
    'SPANS_INVALID',
    pointer,
    `${start}–${end} is empty: end is the first character behind the span`,
  )
}

function pieceOf(item: JsonObject, pointer: string): Pick<SaidSpan, 'text'> {
  const text = given(item, 'text')
  if (text === undefined) return {}
  if (typeof text === 'string') return { text }
  throw refuse('SPANS_INVALID', below(pointer, 'text'), 'the piece of the text, or leave it out')
}

function schemaOf(
  description: string,
  limits: SpanLimits,
  required = ['start', 'end', 'label'],
): object {
  return {
    type: 'array',
    description: `${description}; none overlaps another`,
    items: {
      type: 'object',
      required,
      properties: {
        start: {
          ...{ type: 'integer', minimum: 0 },
          description: 'first character, counted in Unicode code points from 0',
        },
        end: { type: 'integer', minimum: 1, description: 'the character behind the last one' },
        ...label.schema(limits),
        text: { type: 'string', description: 'the piece; given, it is compared with the text' },
      },
    },
  }
}
