/** Topics of a Kafka source that are added or removed: the others go on where they were read to. */
import { expect, test } from 'vitest'
import { never, sourceOf } from './kafka-source.ts'

const read = { 'jobs/0': '17@topic-id', 'jobs/1': '4@topic-id', 'old.jobs/0': '9@other-id' }

test('a source goes on in the topics that another one has read, and in no others', async () => {
  const source = sourceOf(['127.0.0.1:1'], ['jobs', 'more'])
  const { 'old.jobs/0': _other, ...own } = read
  expect(await source.continues?.(read, never)).toEqual(own)
  expect(await source.continues?.({ '0': '1234@0123456789ab.0123456789ab' }, never)).toEqual({})
})
