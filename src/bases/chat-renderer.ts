/** Renders a chat template by Hugging Face's own library, with a `range` that makes short lists only. */
import { Template } from '@huggingface/jinja'

/** Numbers of one `range`: a template counts turns, tools or examples. */
const MOST_NUMBERS = 100_000
/** Throws if the source cannot be parsed. */
export function chatRenderer(source: string): (values: object) => string {
  const template = new Template(source)
  statements(template).unshift(...statements(new Template('{% set range = short_range %}')))
  return (values) => template.render({ ...values, short_range: range })
}

/** Its published types do not resolve under Node's module rules. */
function statements(template: Template): unknown[] {
  return (template as unknown as { readonly parsed: { readonly body: unknown[] } }).parsed.body
}

/** As Jinja has it. */
function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop]
  if (step === 0) throw new Error('range() step must not be zero')
  const length = Math.max(0, Math.ceil((to - from) / step))
  if (length > MOST_NUMBERS) throw new Error(`range() makes more than ${MOST_NUMBERS} numbers`)
  return Array.from({ length }, (_, at) => from + at * step)
}
