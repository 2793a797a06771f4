/**
 * The environment of libtensorflow, and the record that set-up has left of it. The library reads its thread counts, its log level
 * and whether it computes with oneDNN once, on loading, so they are set here, in the process that loads it, beforehand.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { join } from 'node:path'

/** ANTIKYTHERA_NATIVE=wasm disables native code, whatever is installed; set-up respects the same variable. */
export function refusesNativeCode(): boolean {
  return process.env.ANTIKYTHERA_NATIVE === 'wasm'
}

/** What set-up found or built, and why; empty without a record. */
export interface NativeRecord {
  readonly stage?: string
  readonly reason?: string
  /** How long a training step took with oneDNN and without, and on which processor; null where it was not measured. */
  readonly one_dnn?: {
    readonly on: boolean
    readonly processor: string
    readonly on_ms: number
    readonly off_ms: number
  } | null
}

export function nativeRecord(): NativeRecord {
  try {
    // Next to the packages: inside a checkout, around an installed package.
    const found = createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json')
    const path = join(found, '..', '..', '..', '.antikythera', 'native.json')
    return JSON.parse(readFileSync(path, 'utf8')) as NativeRecord
  } catch {
    return {}
  }
}

/**
 * Sets the number of threads: with one, sums have a fixed order, and the other cores stay free for serving. oneDNN is what set-up
 * found faster on this processor; a user's TF_ENABLE_ONEDNN_OPTS, or a processor that it has not seen, leave TensorFlow's choice.
 */
export function prepareForTensorFlow(threads: number): void {
  const count = String(threads)
  const { one_dnn: oneDnn } = nativeRecord()
  if (oneDnn && oneDnn.processor === cpus()[0]?.model)
    process.env.TF_ENABLE_ONEDNN_OPTS ??= oneDnn.on ? '1' : '0'
  Object.assign(process.env, {
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: count,
    OMP_NUM_THREADS: count,
  })
}

/** What the library was asked for, as a clause; undefined: it chooses by itself. */
export function oneDnnChoice(): string | undefined {
  return { 0: ', without oneDNN', 1: ', with oneDNN' }[process.env.TF_ENABLE_ONEDNN_OPTS ?? '']
}
