/** Whether a signal is aborted now: after an await the compiler still assumes the old answer. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
