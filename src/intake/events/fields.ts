/**
 * Single fields of an event: each reader returns one value of unknown type, or refuses it with its place.
 */
import type { Json } from '../../contracts/core.ts'
import {
  below,
  given,
  hasUnprintable,
  isLonger,
  isObject,
  refuse,
  valueIn,
} from '../../payloads/reading.ts'
import type { Input } from '../../contracts/event.ts'
import type { InputKind, PayloadLimits } from '../../contracts/payload.ts'
import { text } from '../../payloads/inputs/text.ts'
import { usualInputs } from '../../payloads/built-in.ts'

/** Ids, sources and names of predictions appear in keys, logs and answers: printable, complete and short. */
export const IDENTITY_CHARACTERS = 256
const identityFix = `give it as printable text of at most ${IDENTITY_CHARACTERS} characters; a number goes in quotes`

export function identity(value: Json | undefined, pointer: string): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '' || value.length > IDENTITY_CHARACTERS) {
    throw refuse(
      'EVENT_INVALID',
      pointer,
      `a string of 1 to ${IDENTITY_CHARACTERS} characters`,
      identityFix,
    )
  }
  if (hasUnprintable(value)) {
    const why = 'no control characters and no halves of surrogate pairs'
    throw refuse('EVENT_INVALID', pointer, why, identityFix)
  }
  return value
}

/** A free name, such as a region or a customer group. It becomes a row of reports and a value in metrics. */
export const SLICE_CHARACTERS = 128
const sliceFix = `give it as printable text of 1 to ${SLICE_CHARACTERS} characters, such as "eu-west"; or leave slice out`

export function slice(value: Json | undefined, pointer: string): string | undefined {
  if (value === undefined) return undefined
  const name = typeof value === 'string' ? value.normalize('NFC').trim() : ''
  if (name !== '' && !hasUnprintable(name) && !isLonger(name, SLICE_CHARACTERS)) return name
  const why = `a printable string of 1 to ${SLICE_CHARACTERS} characters`
  throw refuse('EVENT_INVALID', pointer, why, sliceFix)
}

export const HEAVIEST = 1000
/** Sums count weights in units of 2⁻¹⁰: less would be rounded to nothing. */
const LIGHTEST = 2 ** -11

export function weight(value: Json | undefined, pointer: string): number {
  if (value === undefined) return 1
  if (typeof value === 'number' && value >= LIGHTEST && value <= HEAVIEST) return value
  throw refuse(
    ...[
      'EVENT_INVALID' as const,
      pointer,
      `a number from 1/2048 to ${HEAVIEST}; a smaller one would teach nothing`,
    ],
    'to give an event less weight use a weight between 0 and 1; to retract it send retract: true; otherwise leave weight out',
  )
}

/** Years of four digits in every time zone. */
const EARLIEST_MS = Date.UTC(100)
const LATEST_MS = Date.UTC(9999)
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i

/** ISO 8601 with its zone, to ms since 1970. */
export function time(value: Json | undefined, pointer: string): number | undefined {
  if (value === undefined) return undefined
  const iso = typeof value === 'string' && isoTime.test(value) ? value : ''
  const timeMs = Date.parse(iso)
  if (timeMs > EARLIEST_MS && timeMs < LATEST_MS && isOnCalendar(iso)) return timeMs
  throw refuse(
    ...['EVENT_INVALID' as const, pointer, 'a time such as 2026-11-24T10:00:00Z'],
    'write it in ISO 8601 with its time zone (not as a number of seconds), or leave time out',
  )
}

/** Date.parse reads the 30th of February as the 2nd of March. */
function isOnCalendar(iso: string): boolean {
  const day = iso.slice(0, 'yyyy-mm-dd'.length)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

/**
 * The input of a prediction or an event: an object with the key of its kind. The same rules for both, so that every
 * served input can be learned.
 *
 * A plain string is a text. `reads`: what the base reads; absent = it is not known here.
 */
export function readInput(
  value: Json,
  limits: PayloadLimits,
  pointer: string,
  reads: readonly InputKind[] = usualInputs,
): Input {
  const { kind, input } = read(value, limits, pointer, reads)
  if (reads.includes(kind)) return input
  const why = `the base reads ${reads.map(({ name }) => name).join(' and ')}`
  throw refuse('INPUT_WRONG_KIND', pointer, `${why}, but the input is ${kind.name}`)
}

function read(
  value: Json,
  limits: PayloadLimits,
  pointer: string,
  reads: readonly InputKind[],
): { readonly kind: InputKind; readonly input: Input } {
  if (typeof value === 'string') return { kind: text, input: text.read(value, limits, pointer) }
  const object = isObject(value) ? value : {}
  const others = reads.filter((kind) => !usualInputs.includes(kind))
  const isOwn = ({ name }: InputKind) => others.some((kind) => kind.name === name)
  const known =
    others.length === 0 ? usualInputs : [...usualInputs.filter((kind) => !isOwn(kind)), ...others]
  const named = known.filter(({ name }) => given(object, name) !== undefined)
  const besides = named.flatMap(({ beside = [] }) => beside)
  const [kind, other] = named.filter(({ name }) => !besides.includes(name))
  const written = kind && valueIn(kind, object)
  if (kind === undefined || written === undefined || other !== undefined) {
    const forms = known.map(({ name, beside = [] }) => `{ ${[...beside, name].join(', ')} }`)
    const why = `either ${forms.slice(0, -1).join(', ')} or ${forms.slice(-1).join('')}`
    throw refuse('EVENT_INVALID', pointer, why)
  }
  const place = kind.beside === undefined ? below(pointer, kind.name) : pointer
  return { kind, input: kind.read(written, limits, place) }
}
