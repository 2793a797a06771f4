/**
 * Checks the version of every npm package that is installed, and that only optional ones are not. A server by itself needs no
 * TensorFlow.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../platform/entry.ts'
import { failed, ok, type Check, type Finding } from './check.ts'

export const packagesCheck: Check = {
  name: 'npm packages',
  run: ({ isServerAlone }) => packagesOf(packageRoot, isServerAlone ? [TENSORFLOW] : []),
}

const TENSORFLOW = '@tensorflow/tfjs-node'

/** `dispensable`: those that this daemon can do without, though others cannot. */
export function packagesOf(root: string, dispensable: readonly string[] = []): Finding {
  const { dependencies = {}, optionalDependencies = {} } = readPackage(join(root, 'package.json'))
  const optional = [...Object.keys(optionalDependencies), ...dispensable]
  const absent = optional.filter((name) => !installedAt(root, name))
  const ranges = Object.entries({ ...dependencies, ...optionalDependencies })
  const wanted = ranges.filter(([name]) => !absent.includes(name))
  const wrong = wanted.flatMap(([name, range]) => {
    const path = installedAt(root, name)
    if (path === undefined) return [`${name} is missing`]
    const { version = '?' } = readPackage(path)
    return fits(version, range) ? [] : [`${name} is ${version}, not ${range}`]
  })
  if (wrong.length > 0) return failed(wrong.join('; '), 'npm ci')
  const without = absent.length > 0 ? `, without ${absent.join(' and ')}` : ''
  return ok(`all ${wanted.length} are installed${without}`)
}

export const hasTensorFlow = (): boolean => installedAt(packageRoot, TENSORFLOW) !== undefined

/** Node's search path: node_modules here and above. */
function installedAt(root: string, name: string): string | undefined {
  for (let folder = root; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name, 'package.json')
    if (existsSync(path)) return path
    if (folder === dirname(folder)) return undefined
  }
}

interface PackageFile {
  readonly version?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function readPackage(path: string): PackageFile {
  return JSON.parse(readFileSync(path, 'utf8')) as PackageFile
}

/** Caret ranges, the only kind in our package.json: the first number that is not zero must agree. */
function fits(version: string, range: string): boolean {
  const wanted = range
    .replace(/^[\^~]/, '')
    .split('.')
    .map(Number)
  const found = version.split('-', 1)[0]?.split('.').map(Number) ?? []
  const leading = wanted.findIndex((part) => part > 0)
  const fixed = leading < 0 ? wanted.length : leading + 1
  const isSame = wanted.slice(0, fixed).every((part, index) => found[index] === part)
  return isSame && !isBefore(found, wanted)
}

function isBefore(found: readonly number[], wanted: readonly number[]): boolean {
  const at = wanted.findIndex((part, index) => found[index] !== part)
  return at >= 0 && (found[at] ?? 0) < (wanted[at] ?? 0)
}
