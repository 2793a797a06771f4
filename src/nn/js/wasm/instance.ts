/** A memory of WebAssembly, and kernels that work on it. */
import { type Kernel, moduleOf, type Pages } from './assembler.ts'

// The types of Node do not have it.
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: boolean }) => KernelMemory
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

export interface KernelMemory {
  readonly buffer: ArrayBufferLike
  grow(pages: number): number
}

export function openMemory({ first, most, isShared }: Pages): KernelMemory {
  return new WebAssembly.Memory({ initial: first, maximum: most, shared: isShared })
}

/** The kernels by name. */
export function openInstance(
  kernels: readonly Kernel[],
  pages: Pages,
  memory: KernelMemory,
): unknown {
  const compiled = new WebAssembly.Module(moduleOf(kernels, pages))
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports
}
