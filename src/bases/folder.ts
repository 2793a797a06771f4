/** Reads the files of a base's folder in Hugging Face layout. Pickled weights can run code when opened, and are refused. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'

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
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Fields
  throw failure('BASE_INVALID', `${file} in ${folder} is not a JSON object`)
}

async function parsed(path: string): Promise<Json> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Json
  } catch (cause) {
    throw failure('BASE_INVALID', `${path} cannot be read as JSON`, { cause })
  }
}
