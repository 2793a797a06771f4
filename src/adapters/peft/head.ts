/**
 * Converts the classifier that PEFT stored beside its adapter (`modules_to_save`) to this model's head:
 *
 *   theirs  e·Wᵀ + b      W [labels, width]
 *   ours    s·(e·H) + b   H [width, labels] = Wᵀ/s
 *
 * The two are equal only if their classifier reads the embedding e of this base. The sequence classes of transformers
 * read the pooled [CLS] instead, and no head here can reproduce that.
 */
import type { Json, Tensor, Tensors } from '../../contracts/core.ts'
import type { AdapterPlan } from '../adapter.ts'
import { PREFIX, transpose } from './peft.ts'
import { savedModules, type FoundFields, type PeftFields, refuse } from './targets.ts'

const others = '--head live or --head fresh, which ignore it'

/** Takes the classifier out of `rest`; undefined if there is none. */
export function takeClassifier(rest: Map<string, Tensor>, found: FoundFields): Tensors | undefined {
  const saved = savedModules(found.fields)
  const mine = [...rest].filter(([name]) => saved.some((module) => isOf(name, module)))
  for (const [name] of mine) rest.delete(name)
  return mine.length === 0 ? undefined : new Map(mine)
}

export function headOf(
  classifier: Tensors,
  { fields }: FoundFields,
  { base, task }: AdapterPlan,
  labels: readonly string[],
): Tensors {
  checkClass(fields)
  const names = [...classifier.keys()]
  const weights = names.filter((name) => name.endsWith('.weight'))
  const biases = names.filter((name) => name.endsWith('.bias'))
  const [weight = ''] = weights
  if (weights.length !== 1 || weights.length + biases.length !== names.length || biases.length > 1)
    throw refuse('modules_to_save', names, `one linear map; ${others}`)
  const { width, unit } = base.network
  const matrix = fitting(classifier, weight, [labels.length, width], labels)
  const bias = biases.map((name) => fitting(classifier, name, [labels.length], labels))
  const scale = task.scale(unit)
  const turned = transpose(matrix)
  return new Map([
    ['head.weight', { shape: turned.shape, data: turned.data.map((value) => value / scale) }],
    ['head.bias', bias[0] ?? { shape: [labels.length], data: new Float32Array(labels.length) }],
  ])
}

/** A transformers class for whole sequences or tokens; PEFT names it in one of two fields. */
function checkClass({ task_type: task = null, auto_mapping: mapping = null }: PeftFields): void {
  if (task !== null && task !== 'FEATURE_EXTRACTION')
    throw refuse('task_type', task, `null, FEATURE_EXTRACTION; ${others}`)
  const library = isRecord(mapping) ? mapping.parent_library : undefined
  if (typeof library === 'string' && library.startsWith('transformers.'))
    throw refuse('auto_mapping', mapping, `a class from outside transformers; ${others}`)
}

function fitting(
  tensors: Tensors,
  name: string,
  shape: readonly number[],
  labels: readonly string[],
): Tensor {
  const tensor = tensors.get(name)
  if (tensor?.shape.join() === shape.join()) return tensor
  const rows = `[${shape.join()}], one row for each label of the config (${labels.join(', ')})`
  throw refuse(name, tensor && [...tensor.shape], `${rows}; ${others}`)
}

function isOf(name: string, module: string): boolean {
  return name.startsWith(PREFIX) && `.${name.slice(PREFIX.length)}`.includes(`.${module}.`)
}

function isRecord(value: Json): value is PeftFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
