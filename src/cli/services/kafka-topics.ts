/**
 * Makes topics and waits until they have leaders. kafkajs's own waiting takes a broker that has not heard of the topic yet for
 * a failure, which just after a start it often is.
 */
import type { Admin, ITopicConfig } from 'kafkajs'

const LONGEST_MS = 30_000
const AGAIN_MS = 50

/** Those that are there already stay as they are. */
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
