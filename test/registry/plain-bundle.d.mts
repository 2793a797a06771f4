import type { Version } from '../../src/contracts.ts'
import type { Bundle, LocalRegistryOptions } from '../../src/registry/local.ts'

export const plainBundle: Bundle
export function plainVersion(version: string, value?: number, size?: number): Version
export const plainOrigin: Pick<LocalRegistryOptions, 'model' | 'base' | 'task'>
