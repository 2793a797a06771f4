import { it } from 'vitest'
import { sourceConformance } from '../conformance/source.ts'
import {
  kafkaIsInstalled,
  kafkaIsMissing,
  makeTopic,
  makeTopicAgain,
  produce,
  sharedKafka,
} from '../services/kafka.ts'
import { sourceOf } from './kafka-source.ts'

if (kafkaIsInstalled()) {
  sourceConformance('kafka', async (values) => {
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, values)
    return {
      source: () => sourceOf(brokers, topic),
      append: (added) => produce(brokers, topic, added),
      replace: async (added) => {
        await makeTopicAgain(brokers, topic)
        await produce(brokers, topic, added)
      },
    }
  })
} else {
  it('the source kafka', (context) => context.skip(kafkaIsMissing))
}
