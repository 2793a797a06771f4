/** The version of this package, for the API's description and `--version`. */
import { readFileSync } from 'node:fs'

export const daemonVersion = readVersion()

/** From src/ the package file is one folder up, from dist/src/ two. */
function readVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        version?: string
      }
      if (version !== undefined) return version
    } catch {
      // Not there: look one folder up.
    }
  }
  return '0.0.0'
}
