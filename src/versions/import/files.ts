/** The files of a PEFT folder; and, if it was an export of ours, the files that we added. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { duplicateKey } from '../../nn/containers/safetensors.ts'
import { type PeftFields, refuse } from '../../adapters/peft/targets.ts'
import type { Json } from '../../contracts/core.ts'
import type { Manifest } from '../contract.ts'
import { MANIFEST_FILE, readManifest } from '../manifest.ts'
import { failure } from '../../platform/errors.ts'

export interface PeftFiles {
  readonly fields: PeftFields
  readonly adapter: Uint8Array
  /** From our own export: files that PEFT does not write, with labels and base, and the head. */
  readonly ours: { readonly manifest: Manifest; readonly head: Uint8Array } | undefined
}

const CONFIG = 'adapter_config.json'
const ADAPTER = 'adapter_model.safetensors'
const HEAD = 'head.safetensors'
const PICKLE = 'adapter_model.bin'
const MOST_JSON_BYTES = 4 * 1024 * 1024
const MOST_ADAPTER_BYTES = 1024 ** 3

export async function readPeftFiles(folder: string): Promise<PeftFiles> {
  const names = await listed(folder)
  if (!names.includes(ADAPTER) && names.includes(PICKLE))
    throw failure('PICKLE_REFUSED', `${folder} holds ${PICKLE}, but no ${ADAPTER}`)
  for (const name of [CONFIG, ADAPTER])
    if (!names.includes(name)) throw refuse('folder', folder, `a folder with ${name}`)
  return {
    fields: fieldsOf(await bytesOf(folder, CONFIG, MOST_JSON_BYTES), CONFIG),
    adapter: await bytesOf(folder, ADAPTER, MOST_ADAPTER_BYTES),
    ours: names.includes(MANIFEST_FILE) && names.includes(HEAD) ? await ours(folder) : undefined,
  }
}

/** PEFT may have overwritten our adapter since: only the other parts of the manifest are used. */
async function ours(folder: string): Promise<PeftFiles['ours']> {
  const bytes = await bytesOf(folder, MANIFEST_FILE, MOST_JSON_BYTES)
  const { version } = fieldsOf(bytes, MANIFEST_FILE)
  if (typeof version !== 'string') throw refuse(`${MANIFEST_FILE}: version`, version, 'a name')
  const manifest = readManifest(bytes, version)
  return { manifest, head: await bytesOf(folder, HEAD, MOST_ADAPTER_BYTES) }
}

async function listed(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch {
    throw refuse('folder', folder, 'a folder that this user can read')
  }
}

async function bytesOf(folder: string, name: string, mostBytes: number): Promise<Uint8Array> {
  const path = join(folder, name)
  const found = await stat(path).catch(() => undefined)
  // Reading another thing than a file might never end.
  if (found?.isFile() !== true) throw refuse('folder', folder, `a folder with a file ${name}`)
  const { size } = found
  if (size > mostBytes) throw refuse(name, size, `at most ${mostBytes} bytes`)
  return readFile(path)
}

function fieldsOf(bytes: Uint8Array, file: string): PeftFields {
  const value = parsed(bytes, file)
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as PeftFields
  throw refuse(file, value, 'a JSON object')
}

function parsed(bytes: Uint8Array, file: string): Json {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value = JSON.parse(text) as Json
    const twice = duplicateKey(text)
    if (twice === undefined) return value
  } catch {
    // Reported below.
  }
  const begin = Buffer.from(bytes).toString('latin1').slice(0, 40)
  throw refuse(file, begin, 'JSON without duplicate keys')
}
