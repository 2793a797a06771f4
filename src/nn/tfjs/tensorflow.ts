/**
 * Opens the training engine: native TensorFlow through tfjs-node, or the WebAssembly backend where that cannot be loaded. The one
 * file that knows these packages. The caller logs `reason`: the fallback is about 20 times slower and must be loud.
 */
import { createRequire } from 'node:module'
import type * as tfc from '@tensorflow/tfjs-core'
import { oneDnnChoice, prepareForTensorFlow, refusesNativeCode } from '../../platform/native.ts'
import { loadOptionalPackage } from '../../platform/optional-package.ts'
import { failure } from '../../platform/errors.ts'

export type TensorFlow = typeof tfc

export interface TensorFlowEngine {
  readonly tf: TensorFlow
  readonly backend: 'tensorflow' | 'wasm'
  /** The version of libtensorflow, or of the WebAssembly package. */
  readonly version: string
  /** What decides the last bits of a sum: the backend, its version, and whether it computes with oneDNN. */
  readonly arithmetic: string
  /** Why it is this backend, in a sentence. */
  readonly reason: string
}

const require = createRequire(import.meta.url)

/** `@tensorflow/tfjs` is the core with its gradients; it comes with tfjs-node, whether or not the addon loads. */
const requireBesideNative = createRequire(require.resolve('@tensorflow/tfjs-node/package.json'))

/** Both packages keep one engine per process, so opening twice gives the same one. */
export async function openTensorFlow(
  options: { readonly threads?: number } = {},
): Promise<TensorFlowEngine> {
  if (refusesNativeCode()) return openWasm('ANTIKYTHERA_NATIVE=wasm asks for it')
  try {
    prepareForTensorFlow(options.threads ?? 1)
    return openNative()
  } catch (cause) {
    return openWasm(`native TensorFlow does not load: ${firstLine(cause)}`, cause)
  }
}

function openNative(): TensorFlowEngine {
  restoreUtilFunctions()
  const tf = require('@tensorflow/tfjs-node') as TensorFlow
  const { binding } = tf.backend() as unknown as { binding: { TF_Version: string } }
  const version = binding.TF_Version
  const arithmetic = `TensorFlow ${version}${oneDnnChoice() ?? ''}`
  return { tf, backend: 'tensorflow', version, arithmetic, reason: `native ${arithmetic}` }
}

async function openWasm(reason: string, cause?: unknown): Promise<TensorFlowEngine> {
  const tf = requireBesideNative('@tensorflow/tfjs') as TensorFlow
  const { version_wasm: version } = loadOptionalPackage(
    '@tensorflow/tfjs-backend-wasm',
    `${reason}; WebAssembly`,
  ) as { version_wasm: string }
  if (!(await tf.setBackend('wasm')))
    throw failure('ENGINE_UNAVAILABLE', `${reason}; the wasm backend does not start either`, {
      cause,
    })
  return { tf, backend: 'wasm', version, arithmetic: `WebAssembly ${version}`, reason }
}

/** tfjs-node still calls two functions that Node 23 dropped from `util`. */
function restoreUtilFunctions(): void {
  const util = require('node:util') as Record<string, unknown>
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  util.isArray ??= Array.isArray
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0] ?? text
}
