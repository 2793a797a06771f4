/**
 * What this user's checkouts and daemons share and can fetch again: `$XDG_CACHE_HOME/antikythera`, by default
 * `~/.cache/antikythera`. Set-up keeps its downloads in the same place.
 */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** A relative XDG_CACHE_HOME is invalid by the XDG base directory specification, and ignored. */
export function userCache(): string {
  const configured = process.env.XDG_CACHE_HOME
  const home = configured && isAbsolute(configured) ? configured : join(homedir(), '.cache')
  return join(home, 'antikythera')
}
