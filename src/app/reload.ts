/** A configuration that was read again, taken over as far as it may change while the daemon runs. */
import type { Logger } from '../contracts/core.ts'
import { applyChanges, changesBetween } from '../config/reload.ts'
import type { Config } from '../config/config.ts'
import { setLogLevel } from '../platform/log.ts'
import type { Supervisor } from '../trainer/process/supervisor.ts'

export function reload(
  config: Config,
  next: Config,
  { log, supervisor }: { readonly log: Logger; readonly supervisor: Supervisor | undefined },
): void {
  const { allowed, refused } = changesBetween(config, next)
  for (const key of refused)
    log.warn(
      { key },
      'this key cannot change while the daemon runs, and stays as it is: restart it',
    )
  applyChanges(config, allowed)
  const isAbout = (where: string) => allowed.some((change) => change.where === where)
  if (isAbout('log')) {
    setLogLevel(log, config.log.level)
    supervisor?.setLevel(config.log.level)
  }
  if (isAbout('trainer')) supervisor?.restart({ deadlineMs: config.limits.shutdown_ms })
  // Keys alone: a value may be a token.
  const changed = allowed.map(({ path }) => path.join('.'))
  log.info({ changed, refused }, 'the configuration was read again')
}
