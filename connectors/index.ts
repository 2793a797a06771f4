/** Every connector under its name in the config. Adding one is a folder and a line here; README.md says how. */
import type { Sink, Source } from '../src/contracts/stream.ts'
import { fileDeadLetterSink } from './file/sink.ts'
import { fileSource } from './file/source.ts'
import { httpSource } from './http/source.ts'
import { kafkaDeadLetterSink } from './kafka/sink.ts'
import { kafkaSource } from './kafka/source.ts'
import { memorySource } from './memory/source.ts'
import { redisSource } from './redis/source.ts'

export { fileDeadLetterSink } from './file/sink.ts'
export { fileSource } from './file/source.ts'
export { httpSource } from './http/source.ts'
export { kafkaPredictionSink } from './kafka/prediction-sink.ts'
export { kafkaDeadLetterSink, type KafkaSinkOptions } from './kafka/sink.ts'
export { kafkaSource, type KafkaSourceOptions } from './kafka/source.ts'
export { memorySource, type MemorySource } from './memory/source.ts'
export { readKeyOf, redisSource } from './redis/source.ts'

/** Each takes its own options, which `app` fills in. */
export const sources = {
  file: fileSource,
  http: httpSource,
  kafka: kafkaSource,
  memory: memorySource,
  redis: redisSource,
} as const satisfies Readonly<Record<string, (...options: never[]) => Source>>

export const sinks = {
  file: fileDeadLetterSink,
  kafka: kafkaDeadLetterSink,
} as const satisfies Readonly<Record<string, (...options: never[]) => Sink>>
