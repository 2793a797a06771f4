/**
 * `config.json` of a BERT-family encoder. An unsupported field that changes the equations is refused by name: a base
 * that is almost right would be wrong in every answer.
 */
import { failure } from '../../platform/errors.ts'

export interface BertConfig {
  readonly layers: number
  readonly heads: number
  readonly width: number
  readonly inner: number
  readonly positions: number
  readonly vocabulary: number
  readonly types: number
  readonly epsilon: number
  readonly activation: BertActivation
}

const activations = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  relu: 'relu',
} as const
export type BertActivation = (typeof activations)[keyof typeof activations]

type Fields = Readonly<Record<string, unknown>>

/** The only supported value of a field; absent means that value too. */
const fixed: Fields = {
  model_type: 'bert',
  position_embedding_type: 'absolute',
  is_decoder: false,
  add_cross_attention: false,
  quantization_config: null,
}

export function parseBertConfig(fields: Fields): BertConfig {
  for (const [field, value] of Object.entries(fixed))
    if ((fields[field] ?? value) !== value) throw unsupported(field, fields[field])
  const config = {
    layers: count(fields, 'num_hidden_layers'),
    heads: count(fields, 'num_attention_heads'),
    width: count(fields, 'hidden_size'),
    inner: count(fields, 'intermediate_size'),
    positions: count(fields, 'max_position_embeddings'),
    vocabulary: count(fields, 'vocab_size'),
    types: count({ type_vocab_size: 2, ...fields }, 'type_vocab_size'),
    epsilon: epsilonOf(fields.layer_norm_eps ?? 1e-12),
    activation: activationOf(fields.hidden_act ?? 'gelu'),
  }
  if (config.width % config.heads !== 0)
    throw invalid('num_attention_heads', `does not divide hidden_size ${config.width}`)
  return config
}

function count(fields: Fields, field: string): number {
  const value = fields[field]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw invalid(field, `is ${shown(value)}, not a positive integer`)
}

function epsilonOf(value: unknown): number {
  if (typeof value === 'number' && value > 0 && value < 1) return value
  throw invalid('layer_norm_eps', `is ${shown(value)}, not a number between 0 and 1`)
}

function activationOf(value: unknown): BertActivation {
  const known: Readonly<Record<string, BertActivation>> = activations
  const activation = typeof value === 'string' && Object.hasOwn(known, value) && known[value]
  if (activation) return activation
  throw unsupported('hidden_act', value)
}

function unsupported(field: string, value: unknown): Error {
  return failure('BASE_UNSUPPORTED', `config.json: ${field} is ${shown(value)}`, {
    details: { field },
  })
}

function invalid(field: string, what: string): Error {
  return failure('BASE_INVALID', `config.json: ${field} ${what}`, { details: { field } })
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}
