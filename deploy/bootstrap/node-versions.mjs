/**
 * Other releases of Node.js that the daemon must pass its tests on, from their npm packages, in the cache that all checkouts
 * of this user share. Wanted in CI. One that is the running release is not fetched.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from './npm-packages.mjs'
import { places as standardPlaces } from './places.mjs'
import { runOrFail } from './tool.mjs'

/** Every release line that is supported; the newest of each at the time of writing. */
export const NODE_VERSIONS = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0' }

export const nodeVersionsStep = {
  name: `Node.js ${Object.keys(NODE_VERSIONS).join(', ')}, for the tests`,

  done: ({ places }) => others().every((major) => nodeBinary(major, places) !== undefined),

  async run(context) {
    const { places } = context
    for (const major of others()) {
      if (nodeBinary(major, places)) continue
      const work = `${folderOf(major, places)}.work`
      mkdirSync(work, { recursive: true })
      writeFileSync(join(work, 'package.json'), '{ "private": true }')
      const { command, args } = npm(places.env)
      const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', work]
      await runOrFail(command, [...args, ...flags, packageOf(major)], {
        ...context,
        code: 'SETUP_NODE_FAILED',
        doing: () => `Node.js ${NODE_VERSIONS[major]}`,
        cwd: work,
        timeoutSeconds: 600,
      })
      rmSync(folderOf(major, places), { recursive: true, force: true })
      renameSync(work, folderOf(major, places))
    }
    return others()
      .map((major) => NODE_VERSIONS[major])
      .join(', ')
  },
}

/** The program of that release line, or undefined where set-up has not fetched it. */
export function nodeBinary(major, places = standardPlaces()) {
  if (isRunning(major)) return process.execPath
  const binary = join(folderOf(major, places), 'node_modules', nameOf(), 'bin', 'node')
  return existsSync(binary) ? binary : undefined
}

const isRunning = (major) => process.versions.node.startsWith(`${major}.`)
const others = () => Object.keys(NODE_VERSIONS).filter((major) => !isRunning(major))
const folderOf = (major, { cache }) => join(cache, `node-${NODE_VERSIONS[major]}`)

/** The package that holds the program of one platform: the package `node` would fetch it in an install script. */
const nameOf = () => `node-${process.platform}-${process.arch}`
const packageOf = (major) => `${nameOf()}@${NODE_VERSIONS[major]}`
