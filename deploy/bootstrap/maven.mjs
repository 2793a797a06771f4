/**
 * The real programs in Java that we work with, by Maven, without a container or a JDK: the Kafka broker, wanted by the tests in CI,
 * by `npm run up` and by the demo with Kafka; and Flink with its OpenAI client, which asks models from SQL, as a small cluster inside
 * one program (150 MB of disk, for tests in CI). They lie in the cache that all checkouts of this user share.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './errors.mjs'
import { places as standardPlaces } from './places.mjs'
import { runOrFail, which } from './tool.mjs'

export const KAFKA_VERSION = '4.1.0'
const FLINK_VERSION = '2.1.0'

export const { step: kafkaStep, folder: kafkaJars } = jars({
  id: 'kafka',
  version: KAFKA_VERSION,
  title: `the Kafka broker ${KAFKA_VERSION}`,
  artifacts: [`org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`],
  code: 'SETUP_KAFKA_FAILED',
})

/** The last artifact is a compiler. */
export const { step: flinkStep, folder: flinkJars } = jars({
  id: 'flink',
  version: FLINK_VERSION,
  title: `Flink SQL ${FLINK_VERSION}, a client for tests`,
  artifacts: [
    `org.apache.flink:flink-table-api-java-bridge:${FLINK_VERSION}`,
    `org.apache.flink:flink-table-planner-loader:${FLINK_VERSION}`,
    `org.apache.flink:flink-table-runtime:${FLINK_VERSION}`,
    `org.apache.flink:flink-clients:${FLINK_VERSION}`,
    `org.apache.flink:flink-model-openai:${FLINK_VERSION}`,
    'org.eclipse.jdt:ecj:3.40.0',
  ],
  code: 'SETUP_FLINK_FAILED',
})

/**
 * `<id>-<version>` in the cache, with the artifacts (`group:name:version`) and everything they need at run time: the step that
 * fetches it, and its folder, undefined if set-up has not fetched it. A failure is the set-up error `code`.
 */
function jars({ id, version, title, artifacts, code }) {
  const pathIn = ({ cache }) => join(cache, `${id}-${version}`)
  const folder = (places = standardPlaces()) =>
    existsSync(pathIn(places)) ? pathIn(places) : undefined
  const step = {
    name: title,
    done: ({ places }) => folder(places) !== undefined,
    run: (context) => fetchJars({ folder: pathIn(context.places), artifacts, code }, context),
  }
  return { step, folder }
}

/** The folder has its name only when it is whole. Maven keeps what it has downloaded, so a run that was stopped continues. */
async function fetchJars({ folder, artifacts, code }, context) {
  const missing = ['java', 'mvn'].filter((command) => !which(command, context.places.env))
  if (missing.length > 0) throw new SetupError('SETUP_JAVA_MISSING', missing.join(', '))
  const work = `${folder}.work`
  mkdirSync(work, { recursive: true })
  writeFileSync(join(work, 'pom.xml'), pomOf(artifacts))
  const jars = join(work, 'jars')
  const doing = () => `mvn, ${count(jars)} jars`
  const args = ['-B', 'dependency:copy-dependencies', '-DincludeScope=runtime']
  const options = { ...context, code, doing, cwd: work, timeoutSeconds: 900 }
  await runOrFail('mvn', [...args, `-DoutputDirectory=${jars}`], options)
  rmSync(folder, { recursive: true, force: true })
  renameSync(jars, folder)
  rmSync(work, { recursive: true, force: true })
  return `${count(folder)} jars`
}

const count = (folder) => (existsSync(folder) ? readdirSync(folder).length : 0)

function pomOf(artifacts) {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':')
    return `<dependency>
      <groupId>${group}</groupId>
      <artifactId>${name}</artifactId>
      <version>${version}</version>
    </dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>antikythera</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    ${dependencies.join('\n    ')}
  </dependencies>
</project>
`
}
