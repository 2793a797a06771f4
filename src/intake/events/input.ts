/**
 * The input of a prediction or an event: text, features as a list or by name, or the messages of a conversation. The same
 * rules for both, so that every served input can be learned.
 */
import type { Json } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { given, isLonger, isObject } from './fields.ts'
import { readFeatures, type FeatureLimits } from './feature-values.ts'
import { readMessages } from './messages.ts'
import { below, refuse } from './refuse.ts'

export type InputLimits = FeatureLimits & Pick<Limits, 'text_characters' | 'messages'>

/** The kinds of input of a base. A language model takes text and messages. */
export type InputKind = Input['kind']

export function inputKindOf({
  inputKind,
  language,
}: Pick<Base, 'inputKind' | 'language'>): InputKind {
  return language === undefined ? inputKind : 'messages'
}

/** A plain string is text. `kind` is what the base reads, if it is known here. */
export function readInput(
  value: Json,
  limits: InputLimits,
  pointer: string,
  kind?: InputKind,
): Input {
  const input = read(value, limits, pointer)
  const isText = kind === 'messages' && input.kind === 'text'
  if (kind === undefined || input.kind === kind || isText) return input
  const readable = kind === 'messages' ? 'text and messages' : kind
  throw refuse(
    'INPUT_WRONG_KIND',
    pointer,
    `the base reads ${readable}, but the input is ${input.kind}`,
  )
}

function read(value: Json, limits: InputLimits, pointer: string): Input {
  if (typeof value === 'string') return text(value, limits, pointer)
  const object = isObject(value) ? value : {}
  const [kind, other] = KINDS.filter((key) => given(object, key) !== undefined)
  const written = kind === undefined ? undefined : given(object, kind)
  if (kind === undefined || written === undefined || other !== undefined)
    throw refuse('EVENT_INVALID', pointer, 'either { text }, { features } or { messages }')
  const place = below(pointer, kind)
  if (kind === 'text') return text(written, limits, place)
  if (kind === 'messages') return { kind, messages: readMessages(written, limits, place) }
  return { kind, features: readFeatures(written, limits, place) }
}

const KINDS = ['text', 'features', 'messages'] as const

function text(value: Json, limits: InputLimits, pointer: string): Input {
  if (typeof value !== 'string') throw refuse('EVENT_INVALID', pointer, 'a string')
  const most = limits.text_characters
  if (isLonger(value, most)) {
    throw refuse('INPUT_TOO_LONG', pointer, `more than ${most} characters`)
  }
  if (!isVisible(value)) throw refuse('INPUT_EMPTY', pointer, 'nothing visible')
  return { kind: 'text', text: wellFormed(value) }
}
