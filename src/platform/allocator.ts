/**
 * The environment of a process that makes and frees large tensors: that of this one, with fixed thresholds of glibc's allocator unless
 * the user has set others. By itself glibc raises them with each large block that is freed, up to 32 MiB; from then on the
 * tensors of a step leave holes between others, and the process of a language model grows to more than twice what it
 * needs. Other allocators ignore both.
 */
import { env } from 'node:process'

const THRESHOLDS = { MALLOC_MMAP_THRESHOLD_: '4194304', MALLOC_TRIM_THRESHOLD_: '4194304' }

export function steadyAllocator(): NodeJS.ProcessEnv {
  return { ...THRESHOLDS, ...env }
}
