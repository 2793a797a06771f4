/**
 * BERT-family encoders in the layout of Hugging Face: config.json, tokenizer.json, model.safetensors. The embedding is
 * the mean over the real tokens at unit length. Pickled weights can run code when opened, and are refused.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSafetensors } from '../../nn/containers/safetensors.ts'
import type { Base } from '../../contracts/base.ts'
import { failure } from '../../platform/errors.ts'
import { parseBertConfig } from './config.ts'
import { bertNetwork } from './network.ts'
import { takeBertWeights } from './weights.ts'
import { listedFolder, readJsonFile, refusePickles } from '../folder.ts'
import { openTextBase, shapeOfTextBase } from '../text-base.ts'

const WEIGHTS = 'model.safetensors'
const POOLING = '1_Pooling/config.json'

/** Raised whenever the network or the tokenizer would give another output for the same files. */
const EQUATIONS = 'bert/1'

export async function openBert(folder: string): Promise<Base> {
  await checkFiles(folder)
  const config = parseBertConfig(await readJsonFile(folder, 'config.json'))
  const definition = await readJsonFile(folder, 'tokenizer.json')
  const { tensors } = readSafetensors(await readFile(join(folder, WEIGHTS)))
  return openTextBase({
    ...{ name: 'bert', equations: EQUATIONS, config: { ...config }, definition },
    network: bertNetwork(config),
    weights: takeBertWeights(tensors, config),
  })
}

export async function shapeOfBert(folder: string): Promise<Base> {
  await checkFiles(folder)
  const config = parseBertConfig(await readJsonFile(folder, 'config.json'))
  return shapeOfTextBase('bert', bertNetwork(config), folder)
}

async function checkFiles(folder: string): Promise<void> {
  const files = await listedFolder(folder)
  refusePickles(folder, files)
  if (files.includes(`${WEIGHTS}.index.json`))
    throw failure(
      'BASE_UNSUPPORTED',
      `${folder} holds its weights in several files (${WEIGHTS}.index.json)`,
    )
  for (const file of ['config.json', 'tokenizer.json', WEIGHTS])
    if (!files.includes(file)) throw failure('BASE_INVALID', `${folder} lacks ${file}`)
  if (files.includes('1_Pooling')) await checkPooling(folder)
}

/** A sentence encoder trained with a different pooling would not give its published vectors here. */
async function checkPooling(folder: string): Promise<void> {
  const pooling = await readJsonFile(folder, POOLING)
  const modes = Object.keys(pooling).filter((key) => key.startsWith('pooling_mode'))
  const other = modes.find((mode) => pooling[mode] !== (mode === 'pooling_mode_mean_tokens'))
  if (other === undefined) return
  throw failure(
    'BASE_UNSUPPORTED',
    `${POOLING}: ${other} is ${JSON.stringify(pooling[other])}; only mean pooling is supported (remove 1_Pooling to use it anyway)`,
    { details: { field: other } },
  )
}
