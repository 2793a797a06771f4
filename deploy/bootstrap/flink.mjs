/**
 * Apache Flink with its OpenAI client, which asks models from SQL: the jars of a small cluster inside one Java program, and a
 * compiler for it that needs no JDK. Wanted by the tests in CI; 150 MB of disk.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fetchJars } from './maven.mjs'
import { places as standardPlaces } from './places.mjs'

export const FLINK_VERSION = '2.1.0'

const ARTIFACTS = [
  ...[
    'table-api-java-bridge',
    'table-planner-loader',
    'table-runtime',
    'clients',
    'model-openai',
  ].map((name) => `org.apache.flink:flink-${name}:${FLINK_VERSION}`),
  'org.eclipse.jdt:ecj:3.40.0',
]

export const flinkStep = {
  name: `Flink SQL ${FLINK_VERSION}, a client for tests`,

  done: ({ places }) => flinkJars(places) !== undefined,

  run: (context) =>
    fetchJars(
      { folder: folderIn(context.places), artifacts: ARTIFACTS, code: 'SETUP_FLINK_FAILED' },
      context,
    ),
}

/** The folder of the jars, or undefined where set-up has not fetched them. */
export function flinkJars(places = standardPlaces()) {
  return existsSync(folderIn(places)) ? folderIn(places) : undefined
}

const folderIn = ({ cache }) => join(cache, `flink-${FLINK_VERSION}`)
