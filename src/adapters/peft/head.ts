/**
 * The classifier that PEFT stores beside an adapter (`modules_to_save`), and this model's head:
 *
 *   theirs  e·Wᵀ + b      W [outputs, width]
 *   ours    s·(e·H) + b   H [width, outputs] = Wᵀ/s
 *
 * The two are equal only if their classifier reads the embedding e of this base, or each of its positions. The sequence classes of
 * transformers read the pooled [CLS] instead, and no head here can reproduce that.
 */
import type { Json, Tensor, Tensors } from '../../contracts/core.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { invariant } from '../../platform/errors.ts'
import { methodOf, sitesOf, type AdapterPlan } from '../adapter.ts'
import { PREFIX, transpose } from './peft.ts'
import { savedModules, type FoundFields, type PeftFields, refuse } from './targets.ts'

const CLASSIFIER = 'classifier'
const TOKEN_CLASS = 'TOKEN_CLS'

const others = '--head live or --head fresh, which ignore it'

/** Takes the classifier out of `rest`; undefined if there is none. */
export function takeClassifier(rest: Map<string, Tensor>, found: FoundFields): Tensors | undefined {
  const saved = savedModules(found.fields)
  const mine = [...rest].filter(([name]) => saved.some((module) => isOf(name, module)))
  for (const [name] of mine) rest.delete(name)
  return mine.length === 0 ? undefined : new Map(mine)
}

/** The same the other way, for the class of transformers that classifies tokens: what PEFT would have saved of it. */
export function tokenClassifier(plan: AdapterPlan, parameters: Tensors) {
  const { base, task, outputs } = plan
  const sites = sitesOf(plan)
  const heads = new Set(task.parameters(base.network.width, outputs).map(({ name }) => name))
  const own = new Map([...parameters].filter(([name]) => !heads.has(name)))
  const adapter = [...methodOf(plan).toDisk(own, sites)].map(
    ([name, tensor]) => [name.replace(PREFIX, `${PREFIX}${base.tokenClass}.`), tensor] as const,
  )
  const saved = [...heads].map((name): readonly [string, Tensor] => {
    const tensor = parameters.get(name)
    invariant(tensor !== undefined, `a version has ${name}`)
    return [`${PREFIX}${name.replace('head', CLASSIFIER)}`, transpose(tensor)]
  })
  return {
    fields: {
      ...methodOf(plan).peftConfig(sites, base),
      ...{ task_type: TOKEN_CLASS, modules_to_save: [CLASSIFIER] },
    },
    tensors: new Map([...adapter, ...saved]),
  }
}

export function headOf(
  classifier: Tensors,
  { fields }: FoundFields,
  { base, task, outputs }: AdapterPlan,
  labels: readonly string[],
): Tensors {
  checkClass(fields, task)
  const names = [...classifier.keys()]
  const weights = names.filter((name) => name.endsWith('.weight'))
  const biases = names.filter((name) => name.endsWith('.bias'))
  const [weight = ''] = weights
  if (weights.length !== 1 || weights.length + biases.length !== names.length || biases.length > 1)
    throw refuse('modules_to_save', names, `one linear map; ${others}`)
  const { width, unit } = base.network
  const matrix = fitting(classifier, weight, [outputs, width], labels)
  const bias = biases.map((name) => fitting(classifier, name, [outputs], labels))
  const scale = task.scale(unit)
  const turned = transpose(matrix)
  return new Map([
    ['head.weight', { shape: turned.shape, data: turned.data.map((value) => value / scale) }],
    ['head.bias', bias[0] ?? { shape: [outputs], data: new Float32Array(outputs) }],
  ])
}

/** A transformers class for whole sequences or tokens; PEFT names it in one of two fields. */
function checkClass(
  { task_type: type = null, auto_mapping: mapping = null }: PeftFields,
  { reads }: Pick<TaskHead, 'reads'>,
): void {
  const own = reads === 'positions' ? TOKEN_CLASS : 'FEATURE_EXTRACTION'
  if (type !== null && type !== own) throw refuse('task_type', type, `null, ${own}; ${others}`)
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
  const outputs = shape[0] === labels.length ? 'one row' : 'the rows'
  const rows = `[${shape.join()}], ${outputs} for each label of the config (${labels.join(', ')})`
  throw refuse(name, tensor && [...tensor.shape], `${rows}; ${others}`)
}

function isOf(name: string, module: string): boolean {
  return name.startsWith(PREFIX) && `.${name.slice(PREFIX.length)}`.includes(`.${module}.`)
}

function isRecord(value: Json): value is PeftFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
