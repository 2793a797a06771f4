/** How far the next update is, of the receipt of feedback, for people. */

interface Receipt {
  readonly pending?: unknown
  readonly trigger_every?: unknown
  readonly trigger_rest_ms?: unknown
}

export function waitingFor(receipt: Receipt): string {
  const { pending, trigger_every: every, trigger_rest_ms: restMs } = receipt
  if (typeof pending !== 'number' || typeof every !== 'number') return ''
  if (pending >= every) return '; an update is due'
  const rest = typeof restMs === 'number' && restMs > 0 ? `, or after ${shown(restMs)} of rest` : ''
  return `; pending: ${pending} of ${every}, learned at ${every}${rest}`
}

function shown(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`
}
