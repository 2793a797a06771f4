/** Bases that a configuration names and this machine does not have yet, each with the command that fetches it. */
import { existsSync } from 'node:fs'
import { pulledFolder } from '../bases/pulled/pulled.ts'
import type { Config } from '../config/config.ts'

export interface MissingBase {
  readonly base: string
  readonly command: string
}

export function missingBases({ models }: Config): readonly MissingBase[] {
  const names = Object.values(models).flatMap(({ base }) => {
    if (base === 'minilm') return [base]
    return typeof base === 'object' && 'pulled' in base ? [base.pulled] : []
  })
  return [...new Set(names)]
    .filter((name) => !existsSync(pulledFolder(name)))
    .map((name) => ({ base: name, command: `antikythera models pull ${name}` }))
}
