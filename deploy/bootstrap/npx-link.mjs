/**
 * Makes `npx antikythera` work inside the checkout: npm links the commands of dependencies, but not a package's own.
 */
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const TARGET = join('..', '..', 'deploy', 'bootstrap', 'antikythera.mjs')
const WINDOWS_COMMAND = `@node "%~dp0\\${TARGET.replaceAll('/', '\\')}" %*\r\n`

export const npxStep = {
  name: 'the command `npx antikythera`',

  done({ places }) {
    try {
      return process.platform === 'win32' || readlinkSync(link(places)) === TARGET
    } catch {
      return false
    }
  },

  run({ places }) {
    mkdirSync(join(places.nodeModules, '.bin'), { recursive: true })
    if (process.platform === 'win32')
      return void writeFileSync(`${link(places)}.cmd`, WINDOWS_COMMAND)
    const temporary = `${link(places)}.${process.pid}`
    rmSync(temporary, { force: true })
    symlinkSync(TARGET, temporary)
    renameSync(temporary, link(places))
  },
}

const link = (places) => join(places.nodeModules, '.bin', 'antikythera')
