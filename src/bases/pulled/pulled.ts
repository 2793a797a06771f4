/**
 * Where downloaded bases are, and opening one by its name: the meaning of `base: minilm`, `base: smollm2` and
 * `base: { pulled: owner/name }`.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import { failure } from '../../platform/errors.ts'
import { userCache } from '../../platform/user-cache.ts'
import { openBert, shapeOfBert } from '../bert/bert.ts'
import { openCausal, shapeOfCausal } from '../causal/causal.ts'
import { isCausalType } from '../causal/config.ts'
import { openE5, shapeOfE5 } from '../e5/e5.ts'
import { openEfficientNet } from '../efficientnet/efficientnet.ts'
import { listedFolder, readJsonFile } from '../folder.ts'
import { openStatic, shapeOfStatic } from '../static/static.ts'
import { hubName } from './wheel.ts'

/** Where `models pull` puts a base if no folder is given. */
export function pulledFolder(name: string): string {
  return join(userCache(), 'models', name.replace('/', '--'))
}

/** Throws BASE_MISSING, with the command that downloads it. */
export async function openPulled(name: string): Promise<Base> {
  const folder = pulledFolder(name)
  if (existsSync(folder)) return { ...(await openFolder(folder)), name, hub: hubName(name) }
  throw failure(
    'BASE_MISSING',
    `${name} was not downloaded yet: run \`antikythera models pull ${name}\``,
    {
      details: { base: name, folder },
    },
  )
}

/** Opens what a folder holds: a decoder in a GGUF file, the encoder or decoder that its `config.json` names, e5's container, or a table of vectors. */
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
  e5: { open: openE5, shape: shapeOfE5 },
  static: { open: openStatic, shape: shapeOfStatic },
  // Its weights are read in a moment.
  pictures: { open: openEfficientNet, shape: openEfficientNet },
} as const

async function foundIn(
  folder: string,
): Promise<{ readonly kind: keyof typeof kinds; readonly path: string }> {
  const files = await listedFolder(folder)
  const gguf = files.find((file) => file.endsWith('.gguf'))
  if (gguf !== undefined) return { kind: 'causal', path: join(folder, gguf) }
  if (files.includes('model.e5')) return { kind: 'e5', path: join(folder, 'model.e5') }
  const type = files.includes('config.json')
    ? (await readJsonFile(folder, 'config.json')).model_type
    : undefined
  if (type === 'efficientnet-lite0') return { kind: 'pictures', path: folder }
  if (isCausalType(type)) return { kind: 'causal', path: folder }
  return { kind: type === 'model2vec' || type === 'static' ? 'static' : 'bert', path: folder }
}
