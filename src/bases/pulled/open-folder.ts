/** Opens what a folder holds: a decoder in a GGUF file, or the encoder or decoder that its `config.json` names. */
import { join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import { openBert, shapeOfBert } from '../bert/bert.ts'
import { openCausal, shapeOfCausal } from '../causal/causal.ts'
import { isCausalType } from '../causal/config.ts'
import { listedFolder, readJsonFile } from '../folder.ts'

export async function openFolder(folder: string): Promise<Base> {
  const decoder = await decoderIn(folder)
  return decoder === undefined ? openBert(folder) : openCausal(decoder)
}

/** Without the weights; it encodes nothing. */
export async function shapeOfFolder(folder: string): Promise<Base> {
  const decoder = await decoderIn(folder)
  return decoder === undefined ? shapeOfBert(folder) : shapeOfCausal(decoder)
}

/** Where the decoder is; undefined if the folder holds none. */
async function decoderIn(folder: string): Promise<string | undefined> {
  const files = await listedFolder(folder)
  const gguf = files.find((file) => file.endsWith('.gguf'))
  if (gguf !== undefined) return join(folder, gguf)
  if (!files.includes('config.json')) return undefined
  const { model_type: type } = await readJsonFile(folder, 'config.json')
  return isCausalType(type) ? folder : undefined
}
