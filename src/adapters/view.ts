/** The base as a method's head sees it. */
import type { AdapterConfig, Base, Method } from '../contracts.ts'

export function viewOf(base: Base, method: Method, config: AdapterConfig): Base {
  return method.view?.(base, config) ?? base
}
