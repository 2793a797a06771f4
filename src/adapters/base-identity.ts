/** The name of a base in manifests, registries and checkpoints. */
import type { BaseIdentity } from '../contracts/base.ts'

export function identityOf({ name, hash, settings }: BaseIdentity): BaseIdentity {
  return { name, hash, ...(settings !== undefined && { settings }) }
}
