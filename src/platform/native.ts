/**
 * The environment as libtensorflow sees it. The library reads its thread counts and log level once, when it is loaded, so they are
 * set here, in the process that loads it, before it does.
 */

/** ANTIKYTHERA_NATIVE=wasm asks for no native code, whatever is installed; set-up obeys the same word. */
export function refusesNativeCode(): boolean {
  return process.env.ANTIKYTHERA_NATIVE === 'wasm'
}

/** One thread makes sums come out in one order, and leaves the other cores to serving. */
export function prepareForTensorFlow(threads: number): void {
  const count = String(threads)
  Object.assign(process.env, {
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: count,
    OMP_NUM_THREADS: count,
  })
}
