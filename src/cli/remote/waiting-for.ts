/** How far the next update is, of the receipt of feedback, for people. */
import type { Accepted } from '../../client/client.ts'

export function waitingFor(
  receipt: Pick<Accepted, 'pending' | 'trigger_every' | 'trigger_rest_ms'>,
): string {
  const { pending, trigger_every: every, trigger_rest_ms: restMs } = receipt
  if (pending === undefined || every === undefined) return ''
  if (pending >= every) return '; an update is due'
  const rest = restMs !== undefined && restMs > 0 ? `, or after ${shown(restMs)} of rest` : ''
  return `; pending: ${pending} of ${every}, learned at ${every}${rest}`
}

function shown(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`
}
