/**
 * Packages that only some daemons need (`optionalDependencies` of package.json): npm installs them where it can and goes on
 * without them, so each is loaded where it is used.
 */
import { createRequire } from 'node:module'
import { failure } from './errors.ts'

const require = createRequire(import.meta.url)

/** `user`: what cannot work without it; the beginning of the message. */
export function loadOptionalPackage(name: string, user: string): unknown {
  try {
    return require(name) as unknown
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
    const message = `${user} needs the npm package ${name}, which is not installed`
    throw failure('PACKAGE_MISSING', message, { cause, details: { package: name } })
  }
}
