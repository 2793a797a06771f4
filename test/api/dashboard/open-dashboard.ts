/** The page over fakes, listening, and its events as a client reads them. */
import { onTestFinished } from 'vitest'
import { openDashboard } from '../../../src/api/dashboard/surface.ts'
import type { Services } from '../../../src/serving/services/services.ts'
import { openServed, type ServedOptions } from '../open-served.ts'

export async function openPage(options: ServedOptions = {}) {
  let services: Services | undefined
  const served = await openServed({
    ...options,
    surfaces: (given) => {
      services = given
      return [openDashboard(given)]
    },
  })
  return { ...served, series: services!.series }
}

export interface Event {
  readonly id: string | undefined
  readonly rows: readonly (readonly unknown[])[]
}

/** The next event of a stream at each call; undefined when it has ended. */
export async function openEvents(url: string, headers: Record<string, string> = {}) {
  const over = new AbortController()
  onTestFinished(() => over.abort())
  const response = await fetch(url, { headers, signal: over.signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (): Promise<Event | undefined> => {
    for (;;) {
      const found = /^(?:id: (.*)\n)?event: samples\ndata: (.*)\n\n/m.exec(text)
      if (found !== null) {
        text = text.slice(found.index + found[0].length)
        return { id: found[1], rows: JSON.parse(found[2]!) as Event['rows'] }
      }
      const { done, value } = await reader.read()
      if (done) return undefined
      text += value
    }
  }
  return { response, next, leave: () => over.abort() }
}
