/** `import`, against what the real Hugging Face PEFT trained and saved. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  casesOfPeft,
  configFor,
  imported,
  labels,
  inRegistry,
  rowsOf,
  servedEmbeddings,
  servedLogits,
  tinyBert,
  type PeftRow,
} from './import-rig.ts'
import { configOfRecord } from '../../src/adapters/recorded-config.ts'
import { methods } from '../../src/plugins.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import { bytesOf, open, planOf, rows as rowsFor } from '../trainer/rig.ts'
import { manifestBytes, readManifest, seal } from '../../src/versions/manifest.ts'
import { runCli } from './run-cli.ts'
import { labelsOf } from '../tasks/labels-of.ts'

const queryValue = '{ rank: 2, alpha: 5, tail_layers: all, target_modules: [query, value] }'
const top = '{ rank: 2, alpha: 5, tail_layers: 1, target_modules: [query, value] }'

const from = casesOfPeft()

function expectClose(ours: readonly number[][], rows: readonly PeftRow[], of: keyof PeftRow) {
  expect(ours).toHaveLength(rows.length)
  for (const [at, row] of rows.entries())
    for (const [column, value] of (row[of] as readonly number[]).entries())
      expect(Math.abs(ours[at]![column]! - value), row.text).toBeLessThan(1e-4)
}

describe('an adapter with a classifier on the mean at unit length', () => {
  it.each([
    ['list', queryValue],
    ['patterns', queryValue],
    ['expression', top],
    ['layers', top],
    ['stabilised', '{ rank: 4, alpha: 12, tail_layers: all, target_modules: [query, value] }'],
    [
      'stabilised',
      '{ rank: 4, alpha: 6, rslora: true, tail_layers: all, target_modules: [query, value] }',
    ],
    ['decomposed', queryValue.replace('{', '{ method: dora,')],
    ['scales', '{ method: ia3, tail_layers: all }'],
  ])('whose modules are said by %s answers with the logits of PEFT', async (name, adapter) => {
    const config = configFor(adapter)
    const answer = await imported(config, from(name))
    expect(answer).toMatchObject({
      code: 0,
      model: 'm',
      version: 'v0-import',
      labels: ['bad', 'good'],
      parent: null,
      generation: null,
      reason: `imported from ${name} (PEFT 0.21.2), with the head of the folder; the base by the hash of ${tinyBert}`,
    })
    const version = await inRegistry(config, 'v0-import')
    expect(version.manifest).toMatchObject({ decision: 'imported', events: 0, span: {} })
    const rows = rowsOf(from(name))
    const texts = rows.map(({ text }) => text)
    expectClose(await servedLogits(version, texts), rows, 'logits')
    expectClose(await servedEmbeddings(version, texts), rows, 'embedding')
  })
})

describe('an adapter of the bare network', () => {
  it.each([
    ['all-linear', '{ rank: 3, alpha: 6, tail_layers: all }', ['pooler.dense']],
    ['dropout', queryValue, []],
    [
      'decomposed-stabilised',
      '{ method: dora, rank: 4, alpha: 6, rslora: true, ranks: { value: 2 }, tail_layers: all }',
      ['pooler.dense'],
    ],
    [
      'uneven-ranks',
      '{ rank: 2, alpha: 5, dropout: 0.2, ranks: { value: 3 }, tail_layers: all, target_modules: [query, value] }',
      [],
    ],
    [
      'scaled-answers',
      '{ method: ia3, tail_layers: all, target_modules: [key, value, intermediate] }',
      [],
    ],
  ])('(%s) answers with the embedding of PEFT', async (name, adapter, idle) => {
    const config = configFor(adapter)
    const answer = await imported(config, from(name), '--promote')
    expect(answer).toMatchObject({ code: 0, version: 'v0-import', generation: 1, idle })
    const rows = rowsOf(from(name))
    const version = await inRegistry(config, 'v0-import')
    const texts = rows.map(({ text }) => text)
    expectClose(await servedEmbeddings(version, texts), rows, 'embedding')
    // Nobody has taught a head yet.
    expect(await servedLogits(version, texts)).toEqual(texts.map(() => [0, 0]))
  })

  it.each([
    ['decomposed', queryValue.replace('{', '{ method: dora,')],
    [
      'stabilised',
      '{ rank: 4, alpha: 6, rslora: true, tail_layers: all, target_modules: [query, value] }',
    ],
    ['uneven-ranks', queryValue.replace('{', '{ ranks: { value: 3 },')],
  ])('(%s) goes on learning from where PEFT left it', async (name, adapter) => {
    const config = configFor(adapter)
    expect(await imported(config, from(name))).toMatchObject({ code: 0 })
    const { manifest, parameters } = await inRegistry(config, 'v0-import')
    const table: Readonly<Record<string, MethodPlugin>> = methods
    const method = table[manifest.adapter.method]!
    const plan = planOf({
      method,
      config: configOfRecord(manifest.adapter),
      labels: labelsOf(manifest),
    })
    const trainable = open({ ...plan, parameters })
    expect(bytesOf(trainable.parameters())).toEqual(bytesOf(parameters))
    const batch = rowsFor(['bad', 'good', 'bad'], plan)
    const losses = Array.from({ length: 15 }, () => trainable.step(batch).loss)
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
    const after = trainable.parameters()
    for (const [tensor, { data }] of parameters)
      expect(after.get(tensor)!.data, tensor).not.toEqual(data)
    trainable.dispose()
  })

  it('goes on with the head of the live version, which is then its parent', async () => {
    const config = configFor(queryValue)
    await imported(config, from('list'), '--promote')
    const answer = await imported(config, from('dropout'))
    expect(answer).toMatchObject({ version: 'v0-import-2', parent: 'v0-import' })
    const [before, after] = [
      await inRegistry(config, 'v0-import'),
      await inRegistry(config, 'v0-import-2'),
    ]
    const of = 'head.weight'
    expect(after.parameters.get(of)).toEqual(before.parameters.get(of))
    const fresh = await imported(config, from('dropout'), '--head', 'fresh')
    expect(fresh).toMatchObject({ version: 'v0-import-3', parent: null })
  })
})

describe('a folder that does not fit is refused with the field, its value and what is allowed', () => {
  it('and a closed form, which goes on from sums, with the way to take it elsewhere', async () => {
    expect(
      await imported(configFor('{ method: ncm }', ', replay: { policy: none }'), from('list')),
    ).toMatchObject({
      code: 65,
      error: {
        code: 'IMPORT_REFUSED',
        details: { field: 'adapter.method', value: 'ncm' },
        fix: expect.stringContaining('copy the data_dir') as string,
      },
    })
  })

  const allowed = expect.stringMatching(/./) as string
  it.each([
    ['expression', 'target_modules', '.*\\.layer\\.1\\..*\\.(query|value)'],
    ['layers', 'target_modules', expect.arrayContaining(['query', 'value']) as unknown],
    ['stabilised', 'r', 4],
    ['uneven-ranks', 'rank_pattern', { value: 3 }],
    ['decomposed', 'use_dora', true],
    ['biased', 'bias', 'lora_only'],
    ['pissa', 'init_lora_weights', 'pissa'],
    ['embeddings', 'base_model.model.embeddings.word_embeddings.lora_embedding_A', [2, 14]],
    ['sequence', 'task_type', 'SEQ_CLS'],
    ['other-base', 'base_model_name_or_path', expect.stringMatching(/bfloat$/) as unknown],
    [
      'other-network',
      'base_model.model.transformer.layer.0.attention.q_lin.lora_A.weight',
      [2, 16],
    ],
    ['other-size', 'base_model.model.encoder.layer.0.attention.self.query.lora_A.weight', [2, 32]],
    ['more-layers', 'base_model.model.encoder.layer.2.attention.self.query.lora_A.weight', [2, 16]],
  ])('%s: %s', async (name, field, value) => {
    const config = configFor(queryValue)
    const details = { field, value, allowed }
    expect(await imported(config, from(name), '--trust-base')).toMatchObject({
      code: 65,
      error: { code: 'IMPORT_REFUSED', details },
    })
  })

  it('scales at other places, or of inputs where this method scales answers', async () => {
    const usual = await imported(
      configFor('{ method: ia3, tail_layers: all }'),
      from('scaled-answers'),
    )
    expect(usual.error).toMatchObject({ details: { field: 'target_modules' } })
    const suggested =
      'adapter: { method: ia3, tail_layers: all, target_modules: [key, value, intermediate] }'
    expect(usual.error?.message).toContain(suggested)
    const sites = '{ method: ia3, tail_layers: all, target_modules: [query, value] }'
    expect(await imported(configFor(sites), from('scaled-inputs'))).toMatchObject({
      code: 65,
      error: { details: { field: 'feedforward_modules', value: ['value'] } },
    })
    expect(await imported(configFor(queryValue), from('scales'))).toMatchObject({
      error: { details: { field: 'peft_type', value: 'IA3' } },
    })
  })

  it.each([
    ['stabilised', 'rank: 4, alpha: 6, rslora: true, tail_layers: all'],
    ['uneven-ranks', 'rank: 2, ranks: { value: 3 }, alpha: 5, tail_layers: all'],
  ])('and the config under which it would fit, which it then does: %s', async (name, words) => {
    const refused = await imported(configFor(queryValue), from(name))
    const [, adapter = ''] = /adapter: (\{.*\})/.exec(refused.error?.message ?? '') ?? []
    expect(adapter).toContain(words)
    expect(await imported(configFor(adapter), from(name))).toMatchObject({ code: 0 })
  })

  it('but the adapter of a class for sequences may leave its head behind', async () => {
    const config = configFor(queryValue)
    const answer = await imported(config, from('sequence'), '--head', 'fresh')
    expect(answer).toMatchObject({ code: 0 })
    const rows = rowsOf(from('sequence'))
    const version = await inRegistry(config, 'v0-import')
    const texts = rows.map(({ text }) => text)
    expectClose(await servedEmbeddings(version, texts), rows, 'embedding')
  })
})

it('keeps the temperature of the scores with the head that it belongs to', async () => {
  const config = configFor(queryValue)
  await imported(config, from('list'), '--promote')
  const exported = join(dirname(config), 'exported')
  expect((await runCli('export', '--config', config, '--to', exported)).code).toBe(0)
  const file = join(exported, 'manifest.json')
  const manifest = readManifest(readFileSync(file), 'v0-import')
  const calibration = { temperature: 1.7, ece: 0.02, ece_uncalibrated: 0.05, events: 400 }
  const facts = { ...manifest.facts, calibration }
  const calibrated = seal({ ...manifest, facts }, manifest.files, manifest.created)
  writeFileSync(file, manifestBytes(calibrated))
  const elsewhere = configFor(queryValue)
  expect(await imported(elsewhere, exported)).toMatchObject({ code: 0 })
  const { manifest: again } = await inRegistry(elsewhere, 'v0-import')
  expect(again.facts).toEqual({ labels, calibration })
})

describe('labels of the config', () => {
  const closed = (known: string, retired = '') =>
    configFor(queryValue, '', '', `{ open: false, known: [${known}], retired: [${retired}] }`)

  it('that are retired are not answered by what is imported', async () => {
    const config = closed('bad, good, old', 'old')
    expect(await imported(config, from('dropout'))).toMatchObject({ code: 0 })
    const { manifest } = await inRegistry(config, 'v0-import')
    expect(manifest).toMatchObject({ facts: { labels: ['bad', 'good', 'old'], retired: ['old'] } })
  })

  it('that are closed refuse a head with another one, however they are written', async () => {
    const config = configFor(queryValue)
    await imported(config, from('list'), '--promote')
    const exported = join(dirname(config), 'exported')
    expect((await runCli('export', '--config', config, '--to', exported)).code).toBe(0)
    expect(await imported(closed('bad, fine'), exported)).toMatchObject({
      code: 65,
      error: { code: 'IMPORT_REFUSED', details: { field: 'labels', value: ['good'] } },
    })
  })
})
