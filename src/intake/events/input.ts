/**
 * The input of a prediction or an event: an object with the key of its kind. The same rules for both, so that every
 * served input can be learned.
 */
import type { Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import type { InputKind, PayloadLimits } from '../../contracts/payload.ts'
import { text } from '../../payloads/inputs/text.ts'
import { below, given, isObject, refuse } from '../../payloads/reading.ts'
import { usualInputs } from '../../payloads/built-in.ts'

/** A plain string is a text. `reads`: what the base reads; absent = it is not known here. */
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
  const known = others.length === 0 ? usualInputs : [...usualInputs, ...others]
  const [kind, other] = known.filter(({ name }) => given(object, name) !== undefined)
  const written = kind === undefined ? undefined : given(object, kind.name)
  if (kind === undefined || written === undefined || other !== undefined) {
    const forms = known.map(({ name }) => `{ ${name} }`)
    const why = `either ${forms.slice(0, -1).join(', ')} or ${forms.slice(-1).join('')}`
    throw refuse('EVENT_INVALID', pointer, why)
  }
  return { kind, input: kind.read(written, limits, below(pointer, kind.name)) }
}
