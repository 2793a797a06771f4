/**
 * Makes a version of a folder that Hugging Face PEFT wrote, and makes it live if requested. It writes only to the
 * registry, like a promotion by a person: the daemon, or the daemon of a fleet that trains the model, follows the live
 * pointer. So it works with and without running daemons.
 */
import { resolve } from 'node:path'
import { importTarget, withVersions } from '../../app/model.ts'
import type { Routing } from '../../versions/contract.ts'
import type { HeadKind } from '../../versions/import/head-choice.ts'
import type { ImportResult } from '../../versions/service.ts'
import type { ConfigFlags } from '../flags.ts'
import { modelNamed } from './model-named.ts'
import { print } from '../print.ts'
import { readConfig } from '../read-config.ts'

export interface ImportFlags extends ConfigFlags {
  readonly model?: string
  readonly head?: HeadKind
  readonly promote?: boolean
  readonly trustBase?: boolean
  readonly json?: boolean
}

export async function importFolder(folder: string, flags: ImportFlags): Promise<void> {
  const config = readConfig(flags)
  const model = modelNamed(config, flags.model)
  await withVersions(config, model, async (versions, base) => {
    const target = importTarget(config, model, base)
    const imported = await versions.importFolder(resolve(folder), target, flags)
    const { version, reason } = imported.version.manifest
    const moved =
      flags.promote === true && (await versions.move({ version, reason, by: 'promote' }))
    show(flags, imported, moved ? moved.routing : undefined)
  })
}

function show(
  { json }: ImportFlags,
  { version: { manifest }, idle }: ImportResult,
  live: Routing | undefined,
): void {
  const { model, version, digest, facts, parent, reason } = manifest
  const generation = live?.generation ?? null
  const answer = { model, version, digest, ...facts, parent, reason, idle, generation }
  print(json, answer, () => [
    `${version} of ${model}: ${reason}`,
    ...idle.map((module) => `  left out: ${module}, which no answer reads, with B = 0`),
    live === undefined
      ? `  not live yet: antikythera promote --version ${version} --reason …`
      : `  live from now on (generation ${live.generation}); the trainer continues from it`,
  ])
}
