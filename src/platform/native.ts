/**
 * The environment of libtensorflow. The library reads its thread counts and log level once, on loading, so they are set
 * here, in the process that loads it, beforehand.
 */

/** ANTIKYTHERA_NATIVE=wasm disables native code, whatever is installed; set-up respects the same variable. */
export function refusesNativeCode(): boolean {
  return process.env.ANTIKYTHERA_NATIVE === 'wasm'
}

/** Sets the number of threads. With one thread sums have a fixed order, and the other cores stay free for serving. */
export function prepareForTensorFlow(threads: number): void {
  const count = String(threads)
  Object.assign(process.env, {
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: count,
    OMP_NUM_THREADS: count,
  })
}
