/** The run that a fleet under faults is measured by: one daemon by itself, the same topic, one life. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { latestOf, type Learned } from './fleet-state.ts'
import { Fleet, hasLearned, until } from './fleet-world.ts'

export async function withoutFaults(
  brokers: readonly string[],
  topic: string,
  { events, every }: { readonly events: number; readonly every: number },
): Promise<Learned> {
  const alone = new Fleet({ brokers, topics: [topic], every })
  onTestFinished(async () => alone.stop())
  await alone.start('alone')
  await until(async () => hasLearned(alone, { events, every }), 200)
  await alone.stop()
  return latestOf([join(alone.folder, 'alone')])
}
