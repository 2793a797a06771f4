/** The version of this package, for the API's description and `--version`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './platform/entry.ts'

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string
}

export const daemonVersion = version
