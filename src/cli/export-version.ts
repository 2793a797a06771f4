/**
 * Writes a version as a folder of its own, through the registry, so that every byte was checked first. The folder appears whole
 * or not at all, and never over something that is there.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { openBundle } from '../adapters/peft/bundle.ts'
import { folderOf, modelOf, openBase, openRegistry } from '../app/parts.ts'
import { methods, tasks } from '../plugins.ts'
import type { Version } from '../versions/contract.ts'
import { MANIFEST_FILE, manifestBytes } from '../versions/manifest.ts'
import {
  forget,
  makeFolder,
  renameSynced,
  writeTemporaryFolder,
} from '../platform/store/atomic-file.ts'
import { systemClock } from '../platform/clock.ts'
import type { Config } from '../config/config.ts'
import { failure } from '../platform/errors.ts'
import { openLog } from '../platform/log.ts'
import type { ConfigFlags } from './flags.ts'
import { modelNamed } from './model-named.ts'
import { print } from './print.ts'
import { readConfig } from './read-config.ts'

export interface ExportFlags extends ConfigFlags {
  readonly model?: string
  readonly version?: string
  readonly to: string
  readonly json?: boolean
}

export async function exportVersion(flags: ExportFlags): Promise<void> {
  const folder = resolve(flags.to)
  if (existsSync(folder)) throw failure('USAGE', `${folder} is there already: choose a new folder`)
  const config = readConfig(flags)
  const model = modelNamed(config, flags.model)
  const files = await filesOf(config, model, flags.version)
  await writeWhole(folder, files.bytes)
  const { version, digest } = files.manifest
  const names = [...files.bytes.keys()]
  print(flags.json, { model, version, digest, folder, files: names }, () => [
    `${version} of ${model} is in ${folder}: ${names.join(', ')}`,
  ])
}

async function filesOf(config: Config, model: string, wanted: string | undefined) {
  if (!existsSync(folderOf(config, model)))
    throw failure('VERSION_UNKNOWN', `${model} has published nothing in ${config.data_dir} yet`)
  const base = await openBase(modelOf(config, model).base)
  const log = openLog({ level: 'warn' })
  const registry = await openRegistry(config, model, base, { clock: systemClock, log })
  try {
    const name = wanted ?? (await registry.live())?.live.version
    if (name === undefined) throw failure('VERSION_UNKNOWN', `${model} has no live version yet`)
    const version: Version = await registry.load(name)
    const bytes = new Map(openBundle({ base, methods, tasks }).write(version))
    bytes.set(MANIFEST_FILE, manifestBytes(version.manifest))
    return { manifest: version.manifest, bytes: bytes as ReadonlyMap<string, Uint8Array> }
  } finally {
    await registry.close()
  }
}

async function writeWhole(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  makeFolder(dirname(folder))
  const temporary = await writeTemporaryFolder(folder, files)
  try {
    renameSynced(temporary, folder)
  } finally {
    await forget(temporary)
  }
}
