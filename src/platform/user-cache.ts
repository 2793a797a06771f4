/**
 * The cache that all checkouts and daemons of this user share: `$XDG_CACHE_HOME/antikythera`, by default
 * `~/.cache/antikythera`. Its content can be downloaded again. Set-up keeps its downloads in the same place.
 */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** The XDG base directory specification says to ignore a relative XDG_CACHE_HOME. */
export function userCache(): string {
  const configured = process.env.XDG_CACHE_HOME
  const home = configured && isAbsolute(configured) ? configured : join(homedir(), '.cache')
  return join(home, 'antikythera')
}
