/**
 * Creates topics and waits until they have leaders. kafkajs's own waiting fails when a broker does not know the topic
 * yet, which is common just after a start.
 */
import type { Admin, ITopicConfig } from 'kafkajs'

const LONGEST_MS = 30_000
const AGAIN_MS = 50

/** Existing topics stay unchanged. */
export async function createTopics(admin: Admin, topics: readonly ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics: [...topics], waitForLeaders: false })
  const names = topics.map(({ topic }) => topic)
  const untilMs = performance.now() + LONGEST_MS
  for (;;) {
    const failure = await whyNotReady(admin, names)
    if (failure === undefined) return
    if (performance.now() > untilMs) throw failure
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

async function whyNotReady(admin: Admin, topics: string[]): Promise<Error | undefined> {
  try {
    const found = await admin.fetchTopicMetadata({ topics })
    const leaders = found.topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader))
    return leaders.every((leader) => leader >= 0)
      ? undefined
      : new Error('partitions have no leader')
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
