/** Writes a template of deploy/templates as the user's configuration, and shows the next steps. */
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Config, loadConfig } from '../../config/config.ts'
import { failure } from '../../platform/errors.ts'
import { packageRoot } from '../doctor/packages.ts'
import { print } from '../print.ts'
import { existsSync } from 'node:fs'
import { pulledFolder } from '../../bases/pulled/pulled.ts'
import { wheels } from '../../bases/pulled/wheel.ts'

export interface InitFlags {
  readonly to: string
  readonly force?: boolean
  readonly json?: boolean
}

export async function init(kind: string, { to, force = false, json }: InitFlags): Promise<void> {
  const path = resolve(to)
  const template = await readFile(
    join(packageRoot(), 'deploy', 'templates', `${kind}.yaml`),
    'utf8',
  )
  await write(path, template, force)
  const config = loadConfig(path, { environment: {}, flags: [], workingFolder: process.cwd() })
  const next = [...missingBases(config).map(({ command }) => command), serveCommand(to)]
  print(json, { path, kind, models: Object.keys(config.models), next }, () => [
    `wrote ${to}: ${described(config)}`,
    'next:',
    ...next.map((command) => `  npx ${command}`),
  ])
}

async function write(path: string, text: string, isForced: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: isForced ? 'w' : 'wx' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === 'EEXIST'
        ? 'already exists: --force replaces it, --to writes another file'
        : `cannot be written (${code ?? String(cause)})`
    throw failure('USAGE', `${path} ${why}`, { details: { path }, cause })
  }
}

function described({ models }: Config): string {
  return Object.keys(models)
    .map((name) => `the model ${name}, at http://127.0.0.1:8080/v1/models/${name}`)
    .join(', ')
}

function serveCommand(to: string): string {
  return to === 'antikythera.yaml' ? 'antikythera serve' : `antikythera serve --config ${to}`
}

/** A base that the config names and this machine does not have yet, with the command that fetches it. */
interface MissingBase {
  readonly base: string
  readonly command: string
}

function missingBases({ models }: Config): readonly MissingBase[] {
  const names = Object.values(models).flatMap(({ base }) => {
    if (typeof base === 'string' && Object.hasOwn(wheels, base)) return [base]
    return typeof base === 'object' && 'pulled' in base ? [base.pulled] : []
  })
  return [...new Set(names)]
    .filter((name) => !existsSync(pulledFolder(name)))
    .map((name) => ({ base: name, command: `antikythera models pull ${name}` }))
}
