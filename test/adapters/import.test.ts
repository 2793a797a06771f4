/** Folders in the layout of PEFT, changed in one place each; `test/cli/import.test.ts` has those that PEFT wrote. */
import { describe, expect, it } from 'vitest'
import { headOf } from '../../src/adapters/peft/head.ts'
import { readPeft } from '../../src/adapters/peft/tensors.ts'
import { isTarget, type PeftFields } from '../../src/adapters/peft/targets.ts'
import { lora } from '../../src/adapters/lora.ts'
import { writeSafetensors } from '../../src/nn/containers/safetensors.ts'
import { methodOf, sitesOf, specsOf } from '../../src/adapters/adapter.ts'
import { methods } from '../../src/plugins.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import { thrown } from '../coded.ts'
import { bytesOf, planOf, randomAdapter } from '../trainer/rig.ts'

const plan = planOf({
  config: {
    method: 'lora',
    rank: 3,
    alpha: 6,
    tail_layers: 'all',
    target_modules: ['query', 'value'],
  },
})
const trained = new Map([...randomAdapter(plan)].filter(([name]) => name.includes('.lora_')))
const disk = lora.open(plan.config).toDisk(trained, sitesOf(plan))
const name = 'base_model.model.encoder.layer.1.attention.self.query.lora_B.weight'

/** As PEFT 0.21.2 writes it for LoRA; what is null or empty there is left out here. */
const fields: PeftFields = {
  peft_type: 'LORA',
  peft_version: '0.21.2',
  task_type: null,
  auto_mapping: { base_model_class: 'Sentence', parent_library: '__main__' },
  base_model_name_or_path: 'somewhere/tiny',
  r: 3,
  lora_alpha: 6,
  target_modules: ['value', 'query'],
  bias: 'none',
  init_lora_weights: true,
  lora_dropout: 0.1,
  megatron_core: 'megatron.core',
  qalora_group_size: 16,
  loftq_config: {},
  use_dora: false,
  use_bdlora: null,
}

function read(change: PeftFields = {}, tensors: Tensors = disk) {
  return readPeft({ ...fields, ...change }, writeSafetensors(tensors), plan)
}

function inside(prefix: string, tensors: Tensors = disk): Map<string, Tensor> {
  const at = 'base_model.model.'
  return new Map([...tensors].map(([key, value]) => [key.replace(at, at + prefix), value]))
}

const matrix = (...shape: number[]): Tensor => {
  const length = shape.reduce((product, size) => product * size, 1)
  return { shape, data: Float32Array.from({ length }, (_, at) => at + 1) }
}

describe('a folder of this model’s adapter', () => {
  it('gives its parameters, bit for bit', () => {
    expect(bytesOf(read().parameters)).toEqual(bytesOf(trained))
  })

  it('may come out of a class around the network', () => {
    expect(bytesOf(read({}, inside('0.auto_model.')).parameters)).toEqual(bytesOf(trained))
  })

  it.each<[string, PeftFields]>([
    ['a regular expression', { target_modules: '.*attention\\.self\\.(query|value)' }],
    [
      'whole paths',
      { target_modules: [...disk.keys()].map((key) => key.split('.').slice(2, -2).join('.')) },
    ],
    ['an exclusion', { target_modules: ['query', 'key', 'value'], exclude_modules: ['key'] }],
    ['all its layers', { layers_to_transform: [0, 1], layers_pattern: 'layer' }],
    ['another α and root', { use_rslora: true, lora_alpha: 6 / Math.sqrt(3) }],
    [
      'patterns',
      { r: 8, lora_alpha: 1, rank_pattern: { '(query|value)': 3 }, alpha_pattern: { '.*': 6 } },
    ],
  ])('may say its modules and sizes by %s', (_, change) => {
    expect(bytesOf(read(change).parameters)).toEqual(bytesOf(trained))
  })

  it.each(Object.entries<MethodPlugin>(methods).filter(isLearnedByGradients))(
    'of the method %s may be an export of our own',
    (name, method) => {
      const config = { method: name, rank: 2, alpha: 5, tail_layers: 1 }
      const other = planOf({ method, config })
      const own = specsOf(other).filter(({ name: own }) => !own.startsWith('head.'))
      const drawn = randomAdapter(other)
      const parameters = new Map(own.map((spec) => [spec.name, drawn.get(spec.name)!]))
      const written = writeSafetensors(methodOf(other).toDisk(parameters, sitesOf(other)))
      const described = methodOf(other).peftConfig(sitesOf(other), other.base)
      expect(bytesOf(readPeft(described, written, other).parameters)).toEqual(bytesOf(parameters))
    },
  )

  it('leaves out an adapter that adds nothing where this base reads nothing', () => {
    const b = { shape: [16, 3], data: new Float32Array(48) }
    const pooler = (part: string) => `base_model.model.pooler.dense.${part}.weight`
    const more = new Map(disk).set(pooler('lora_A'), matrix(3, 16)).set(pooler('lora_B'), b)
    expect(read({}, more)).toMatchObject({ idle: ['pooler.dense'] })
    b.data[5] = 1
    expect(thrown(() => read({}, more)).details).toMatchObject({ field: pooler('lora_A') })
  })

  it('keeps its classifier apart, whose transpose over the scale of our logits is the head', () => {
    const weight = matrix(3, 16)
    const more = inside('encoder_.')
      .set('base_model.model.classifier.weight', weight)
      .set('base_model.model.classifier.bias', matrix(3))
    const adapter = read({ modules_to_save: ['classifier'] }, more)
    const head = headOf(adapter.classifier!, adapter.found, plan, plan.labels)
    expect(head.get('head.weight')!.shape).toEqual([16, 3])
    expect(head.get('head.weight')!.data[5 * 3 + 2]).toBe(Math.fround((2 * 16 + 5 + 1) / 10))
    expect([...head.get('head.bias')!.data]).toEqual([1, 2, 3])
    expect(bytesOf(adapter.parameters)).toEqual(bytesOf(trained))
  })
})

describe('is refused with the field, its value and what is allowed', () => {
  function refusal(work: () => unknown) {
    const error = thrown(work)
    expect(error.code).toBe('IMPORT_REFUSED')
    expect(error.message).toContain(error.details.allowed)
    return error.details
  }

  it.each<[PeftFields, string, string]>([
    [{ peft_type: 'PROMPT_TUNING' }, 'peft_type', '"LORA"'],
    [{ r: 4 }, 'r', '3'],
    [{ r: 'many' }, 'r', 'a number above 0'],
    [{ lora_alpha: 8 }, 'lora_alpha', '6'],
    [{ use_rslora: true }, 'lora_alpha', '3.46'],
    [{ rank_pattern: { query: 2 } }, 'rank_pattern', '3'],
    [{ alpha_pattern: { 'layer.1.attention.self.value': 1 } }, 'alpha_pattern', '6'],
    [{ use_dora: true }, 'use_dora', 'false'],
    [{ bias: 'all' }, 'bias', '"none"'],
    [{ lora_bias: true }, 'lora_bias', 'null'],
    [{ fan_in_fan_out: true }, 'fan_in_fan_out', 'false'],
    [{ init_lora_weights: 'olora' }, 'init_lora_weights', '"gaussian"'],
    [{ trainable_token_indices: [1] }, 'trainable_token_indices', 'null'],
    [{ a_field_of_tomorrow: 'on' }, 'a_field_of_tomorrow', 'null'],
    [{ target_modules: ['query'] }, 'target_modules', 'query, value of the layers 0, 1'],
    [{ target_modules: 'all-linear' }, 'target_modules', 'query, value of the layers 0, 1'],
    [{ target_modules: ['dense'] }, 'target_modules', 'query, value of the layers 0, 1'],
    [{ target_modules: '(' }, 'target_modules', 'a regular expression'],
    [{ target_modules: [7] }, 'target_modules', 'a list of texts'],
    [
      { layers_to_transform: [1] },
      'target_modules',
      'tail_layers: 1, target_modules: [query, value]',
    ],
    [{ layers_to_transform: ['top'] }, 'layers_to_transform', 'numbers'],
  ])('%j', (change, field, allowed) => {
    expect(refusal(() => read(change))).toMatchObject({
      field,
      value: (Object.hasOwn(change, field) ? change[field] : fields[field]) ?? null,
      allowed: expect.stringContaining(allowed) as string,
    })
  })

  const endless = '([a-z0-9.]+)+!'
  it.each<PeftFields>([
    { target_modules: endless },
    { exclude_modules: endless },
    { modules_to_save: [endless] },
    { rank_pattern: { [endless]: 2 } },
  ])('%j, which backtracks for ever', (change) => {
    expect(refusal(() => read(change)).allowed).toContain('in less than')
  })

  it.each<[string, (tensors: Map<string, Tensor>) => unknown, string, unknown, string]>([
    ['missing', (t) => t.delete(name), name, null, '[16,3]'],
    ['of another shape', (t) => t.set(name, matrix(16, 4)), name, [16, 4], '[16,3]'],
    [
      'not a number',
      (t) => t.set(name, { ...matrix(16, 3), data: matrix(16, 3).data.fill(NaN, 7, 8) }),
      name,
      'NaN',
      'finite numbers',
    ],
    [
      'infinite',
      (t) => t.set(name, { ...matrix(16, 3), data: matrix(16, 3).data.fill(-Infinity, 7) }),
      name,
      '-Infinity',
      'finite numbers',
    ],
    [
      'of a layer too many',
      (t) => t.set(name.replace('1', '2'), matrix(16, 3)),
      name.replace('1', '2'),
      [16, 3],
      'of the layers 0, 1',
    ],
    ['of no module', (t) => t.set('x', matrix(1)), 'x', [1], 'of the layers 0, 1'],
    [
      'of a classifier that nobody announced',
      (t) => t.set('base_model.model.classifier.weight', matrix(3, 16)),
      'base_model.model.classifier.weight',
      [3, 16],
      'of the layers 0, 1',
    ],
    [
      'a vector of DoRA',
      (t) => t.set(name.replace('lora_B.weight', 'lora_magnitude_vector'), matrix(16)),
      name.replace('lora_B.weight', 'lora_magnitude_vector'),
      [16],
      'of the layers 0, 1',
    ],
  ])('a tensor that is %s', (_, change, field, value, allowed) => {
    const tensors = new Map(disk)
    change(tensors)
    expect(refusal(() => read({}, tensors))).toMatchObject({
      field,
      value,
      allowed: expect.stringContaining(allowed) as string,
    })
  })

  it('tensors of another architecture, by the first of them', () => {
    const other = new Map(
      [...disk].map(([key, value]) => [key.replace('encoder.layer', 'layers'), value]),
    )
    expect(refusal(() => read({}, other))).toMatchObject({
      field: 'base_model.model.layers.0.attention.self.query.lora_A.weight',
      value: [3, 16],
    })
  })

  it('two networks in one folder', () => {
    const both = new Map([...inside('a.'), ...inside('b.')])
    expect(refusal(() => read({}, both))).toMatchObject({ field: 'prefix', value: ['a.', 'b.'] })
  })

  it.each<[string, PeftFields, Tensors, string]>([
    [
      'for sequences',
      { task_type: 'SEQ_CLS' },
      new Map([['c.weight', matrix(3, 16)]]),
      'task_type',
    ],
    [
      'of transformers',
      { auto_mapping: { parent_library: 'transformers.models.bert' } },
      new Map([['c.weight', matrix(3, 16)]]),
      'auto_mapping',
    ],
    ['of two labels', {}, new Map([['c.weight', matrix(2, 16)]]), 'c.weight'],
    [
      'of two maps',
      {},
      new Map([
        ['c.dense.weight', matrix(16, 16)],
        ['c.out.weight', matrix(3, 16)],
      ]),
      'modules_to_save',
    ],
    [
      'with a bias that does not fit',
      {},
      new Map([
        ['c.weight', matrix(3, 16)],
        ['c.bias', matrix(2)],
      ]),
      'c.bias',
    ],
  ])('a classifier %s', (_, change, tensors, field) => {
    const found = { fields: { ...fields, ...change }, prefix: '' }
    const details = refusal(() => headOf(tensors, found, plan, plan.labels))
    expect(details).toMatchObject({ field, allowed: expect.stringContaining('--head') as string })
  })
})

it('an expression names whole paths, and a list their endings', () => {
  const path = 'encoder.layer.1.attention.self.query'
  const named = (targets: string | readonly string[]) =>
    isTarget({ target_modules: targets }, { path, kind: 'linear' })
  expect(named('query')).toBe(false)
  expect(named('.*query')).toBe(true)
  expect(named('(?P<module>.*)query')).toBe(true)
  expect(named(['query'])).toBe(true)
  expect(named(['ery'])).toBe(false)
  expect(named([])).toBe(false)
})

function isLearnedByGradients([name, method]: [string, MethodPlugin]): boolean {
  const config = { method: name, rank: 1, alpha: 1, tail_layers: 0 }
  return method.open(config).closedForm === undefined
}
