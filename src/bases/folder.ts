/** Reads the files of a base's folder in Hugging Face layout. Pickled weights can run code when opened, and are refused. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import type { Json, Tensors } from '../contracts/core.ts'
import { MOST_AT_ONCE } from '../nn/containers/stored-bytes.ts'
import { failure } from '../platform/errors.ts'
import { canonicalJson } from '../platform/canonical-json.ts'

type Fields = Readonly<Record<string, Json>>

/** Throws BASE_MISSING. */
export async function listedFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    throw failure('BASE_MISSING', `the folder ${folder} of a base cannot be read`, { cause })
  }
}

const WEIGHTS = 'model.safetensors'
const PICKLE = /\.(bin|pt|pth|pkl|pickle|ckpt)$/

/** Throws PICKLE_REFUSED if a folder holds its weights as pickles alone. */
export function refusePickles(folder: string, files: readonly string[]): void {
  const pickle = files.find((file) => PICKLE.test(file))
  if (files.some((file) => file.startsWith(WEIGHTS)) || pickle === undefined) return
  throw failure('PICKLE_REFUSED', `${folder} holds ${pickle}, but no ${WEIGHTS}`)
}

/** Throws BASE_INVALID for anything but a JSON object. */
export async function readJsonFile(folder: string, file: string): Promise<Fields> {
  const value = await parsed(join(folder, file))
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw failure('BASE_INVALID', `${file} in ${folder} is not a JSON object`)
  if (isDeep(value)) throw failure('BASE_INVALID', `${file} in ${folder} is nested too deep`)
  return value as Fields
}

/** Real ones have some ten levels, and what reads them goes down with each. */
const MOST_DEPTH = 100

function isDeep(value: object): boolean {
  let level: readonly object[] = [value]
  for (let depth = 0; depth < MOST_DEPTH && level.length > 0; depth += 1)
    level = level.flatMap((each) => Object.values(each).filter(isNested))
  return level.length > 0
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

async function parsed(path: string): Promise<Json> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Json
  } catch (cause) {
    throw failure('BASE_INVALID', `${path} cannot be read as JSON`, { cause })
  }
}

/**
 * The identity of a base: sha256 over everything that its output depends on. A tensor is hashed in the network's form,
 * so one model stored in two ways (with a prefix, or in half precision with the same values) has one hash.
 *
 * `settings` holds the version of the network's equations, its config and its tokenizer.
 */
export function hashBase(settings: Json, weights: Tensors): string {
  const hash = createHash('sha256').update(canonicalJson(settings))
  for (const name of [...weights.keys()].sort()) {
    const tensor = weights.get(name)
    if (tensor === undefined) continue
    const { shape, data } = tensor
    hash.update(`\n${JSON.stringify(name)} ${shape.join('×')}\n`)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    for (let at = 0; at < bytes.length; at += MOST_AT_ONCE)
      hash.update(bytes.subarray(at, at + MOST_AT_ONCE))
  }
  return hash.digest('hex')
}
