/**
 * The real Apache Kafka broker without a container: its jars by Maven. Wanted by the tests in CI, and by `npm run up` and the
 * demo with Kafka.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fetchJars } from './maven.mjs'
import { places as standardPlaces } from './places.mjs'

export const KAFKA_VERSION = '4.1.0'

export const kafkaStep = {
  name: `the Kafka broker ${KAFKA_VERSION}`,

  done: ({ places }) => kafkaJars(places) !== undefined,

  run: (context) =>
    fetchJars(
      {
        folder: folderIn(context.places),
        artifacts: [`org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`],
        code: 'SETUP_KAFKA_FAILED',
      },
      context,
    ),
}

/** The folder of the jars, or undefined where set-up has not fetched them. */
export function kafkaJars(places = standardPlaces()) {
  return existsSync(folderIn(places)) ? folderIn(places) : undefined
}

const folderIn = ({ cache }) => join(cache, `kafka-${KAFKA_VERSION}`)
