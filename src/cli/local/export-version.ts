/** Writes a version as a folder of its own. Needs no running daemon. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { bundleFor, withLocalVersions } from '../../app/model.ts'
import { folderOf } from '../../config/model-parts.ts'
import { failure } from '../../platform/errors.ts'
import { checkNewFolder } from '../../versions/export.ts'
import type { ConfigFlags } from '../flags.ts'
import { modelNamed } from './model-named.ts'
import { print } from '../print.ts'
import { readConfig } from '../read-config.ts'

export interface ExportFlags extends ConfigFlags {
  readonly model?: string
  readonly version?: string
  readonly to: string
  readonly json?: boolean
}

export async function exportVersion(flags: ExportFlags): Promise<void> {
  const folder = resolve(flags.to)
  checkNewFolder(folder)
  const config = readConfig(flags)
  const model = modelNamed(config, flags.model)
  if (!existsSync(folderOf(config, model)))
    throw failure(
      'VERSION_UNKNOWN',
      `${model} has not published a version in ${config.data_dir} yet`,
    )
  const { version, files } = await withLocalVersions(config, model, async (versions, base) => {
    const name = flags.version ?? (await versions.live())?.live.version
    if (name === undefined) throw failure('VERSION_UNKNOWN', `${model} has no live version yet`)
    return versions.exportTo(folder, name, bundleFor(base, config))
  })
  const { version: name, digest } = version.manifest
  print(flags.json, { model, version: name, digest, folder, files }, () => [
    `${name} of ${model} is in ${folder}: ${files.join(', ')}`,
  ])
}
