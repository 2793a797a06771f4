/**
 * The classifier that PEFT stores beside an adapter (`modules_to_save`), and this model's head:
 *
 *   theirs  e·Wᵀ + b      W [outputs, width]
 *   ours    s·(e·H) + b   H [width, outputs] = Wᵀ/s
 *
 * The two are equal only if their classifier reads the embedding e of this base, or each of its positions. The sequence classes of
 * transformers read the pooled [CLS], which no head here can reproduce, unless their pooler is made to answer e: that an export of
 * ours says, and of another folder a person.
 */
import type { Json, Tensor, Tensors } from '../../contracts/core.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { invariant } from '../../platform/errors.ts'
import { isOfMemory } from '../../nn/memory.ts'
import { methodOf, sitesOf, type AdapterPlan } from '../adapter.ts'
import { PREFIX, transpose } from './peft.ts'
import { savedModules, type FoundFields, type PeftFields, refuse } from './targets.ts'

const CLASSIFIER = 'classifier'
const TOKEN_CLASS = 'TOKEN_CLS'
const SEQUENCE_CLASS = 'SEQ_CLS'

const others = '--head live or --head fresh, which ignore it'

/** Takes the classifier out of `rest`; undefined if there is none. */
export function takeClassifier(rest: Map<string, Tensor>, found: FoundFields): Tensors | undefined {
  const saved = savedModules(found.fields)
  const mine = [...rest].filter(([name]) => saved.some((module) => isOf(name, module)))
  for (const [name] of mine) rest.delete(name)
  return mine.length === 0 ? undefined : new Map(mine)
}

export interface TransformersClass {
  readonly type: typeof TOKEN_CLASS | typeof SEQUENCE_CLASS
  /** The place of the network in it. */
  readonly place: string
}

/**
 * The class of transformers that a version is as a whole, with its head as the classifier. Of labels that are independent it is the
 * one for sequences, which has their loss (`multi_label_classification`).
 */
export function transformersClass({ base, task }: AdapterPlan): TransformersClass | undefined {
  if (task.reads === 'positions' && base.tokenClass !== undefined)
    return { type: TOKEN_CLASS, place: base.tokenClass }
  const isSequence = task.reads === 'pooled' && task.areIndependent === true
  if (!isSequence || base.sequenceClass === undefined || base.pairs !== undefined) return undefined
  return { type: SEQUENCE_CLASS, place: base.sequenceClass }
}

/** The same the other way, for a class of transformers: what PEFT would have saved of it. */
export function classifierOf(
  plan: AdapterPlan,
  parameters: Tensors,
  { type, place }: TransformersClass,
) {
  const { base, task, outputs } = plan
  const scale = task.scale(base.network.unit)
  const sites = sitesOf(plan)
  const heads = new Set(task.parameters(base.network.width, outputs).map(({ name }) => name))
  const own = new Map([...parameters].filter(([name]) => !heads.has(name) && !isOfMemory(name)))
  const adapter = [...methodOf(plan).toDisk(own, sites)].map(
    ([name, tensor]) => [name.replace(PREFIX, `${PREFIX}${place}.`), tensor] as const,
  )
  const saved = [...heads].map((name): readonly [string, Tensor] => {
    const tensor = parameters.get(name)
    invariant(tensor !== undefined, `a version has ${name}`)
    const theirs = name.replace('head', CLASSIFIER)
    return [
      `${PREFIX}${theirs}`,
      theirs.endsWith('.weight') ? times(transpose(tensor), scale) : tensor,
    ]
  })
  return {
    fields: {
      ...methodOf(plan).peftConfig(sites, base),
      ...{ task_type: type, modules_to_save: [CLASSIFIER] },
    },
    tensors: new Map([...adapter, ...saved]),
  }
}

function times({ shape, data }: Tensor, factor: number): Tensor {
  return { shape, data: data.map((value) => value * factor) }
}

/** `isSaid`: the classifier reads the embedding, whatever class it is of. */
export function headOf(
  classifier: Tensors,
  { fields }: FoundFields,
  { base, task, outputs }: AdapterPlan,
  labels: readonly string[],
  isSaid = false,
): Tensors {
  checkClass(fields, task, isSaid)
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
  return new Map([
    ['head.weight', times(transpose(matrix), 1 / scale)],
    ['head.bias', bias[0] ?? { shape: [outputs], data: new Float32Array(outputs) }],
  ])
}

/** A transformers class for whole sequences or tokens; PEFT names it in one of two fields. */
function checkClass(
  { task_type: type = null, auto_mapping: mapping = null }: PeftFields,
  { reads }: Pick<TaskHead, 'reads'>,
  isSaid: boolean,
): void {
  const own = reads === 'positions' ? TOKEN_CLASS : 'FEATURE_EXTRACTION'
  const isSequence = type === SEQUENCE_CLASS && reads === 'pooled'
  if (type !== null && type !== own && !(isSequence && isSaid)) {
    const said = isSequence
      ? '; --head folder, if its classifier read the mean over the tokens at unit length in place of the pooled [CLS]'
      : ''
    throw refuse('task_type', type, `null, ${own}${said}; ${others}`)
  }
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
