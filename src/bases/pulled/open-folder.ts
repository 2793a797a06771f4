/** Opens what a folder holds: a decoder in a GGUF file, the encoder or decoder that its `config.json` names, or a table of vectors. */
import { join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import { openBert, shapeOfBert } from '../bert/bert.ts'
import { openCausal, shapeOfCausal } from '../causal/causal.ts'
import { isCausalType } from '../causal/config.ts'
import { listedFolder, readJsonFile } from '../folder.ts'
import { openStatic, shapeOfStatic } from '../static/static.ts'

export async function openFolder(folder: string): Promise<Base> {
  const { kind, path } = await foundIn(folder)
  return kinds[kind].open(path)
}

/** Without the weights; it encodes nothing. */
export async function shapeOfFolder(folder: string): Promise<Base> {
  const { kind, path } = await foundIn(folder)
  return kinds[kind].shape(path)
}

const kinds = {
  bert: { open: openBert, shape: shapeOfBert },
  causal: { open: openCausal, shape: shapeOfCausal },
  static: { open: openStatic, shape: shapeOfStatic },
} as const

async function foundIn(
  folder: string,
): Promise<{ readonly kind: keyof typeof kinds; readonly path: string }> {
  const files = await listedFolder(folder)
  const gguf = files.find((file) => file.endsWith('.gguf'))
  if (gguf !== undefined) return { kind: 'causal', path: join(folder, gguf) }
  const type = files.includes('config.json')
    ? (await readJsonFile(folder, 'config.json')).model_type
    : undefined
  if (isCausalType(type)) return { kind: 'causal', path: folder }
  return { kind: type === 'model2vec' || type === 'static' ? 'static' : 'bert', path: folder }
}
