/** Whether a signal is aborted now: asked again after an await, where the compiler believes that it knows. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
