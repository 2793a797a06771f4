import type { Version } from '../../src/versions/contract.ts'
import type { Bundle, LocalRegistryOptions } from '../../src/versions/local/local.ts'

export const plainBundle: Bundle
export function plainVersion(version: string, value?: number, size?: number): Version
export const plainOrigin: Pick<LocalRegistryOptions, 'model' | 'base' | 'task'>
