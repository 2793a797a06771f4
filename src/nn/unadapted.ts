/** The network without an adapter: for the trunk, and for modules that a method leaves unchanged. */
import type { Adaptation } from '../contracts/network.ts'

export function unadapted<T>(): Adaptation<T> {
  return {
    linear: (_site, _x, _weight, _bias, plain) => plain(),
    norm: (_site, scale, bias, apply) => apply(scale, bias),
    output: (_site, hidden) => hidden,
  }
}
