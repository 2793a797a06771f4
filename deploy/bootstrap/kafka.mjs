/**
 * The real Apache Kafka broker without a container: its jars by Maven, in the cache that all checkouts of this user share.
 * Wanted by the tests in CI, and by `npm run up` and the demo with Kafka.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './errors.mjs'
import { places as standardPlaces } from './places.mjs'
import { runTool, reasonLine } from './tool.mjs'
import { which } from './which.mjs'

export const KAFKA_VERSION = '4.1.0'

export const kafkaStep = {
  name: `the Kafka broker ${KAFKA_VERSION}`,

  done: ({ places }) => kafkaJars(places) !== undefined,

  async run({ places, progress }) {
    const missing = ['java', 'mvn'].filter((command) => !which(command, places.env))
    if (missing.length > 0) throw new SetupError('SETUP_JAVA_MISSING', missing.join(', '))
    const work = `${folderIn(places)}.work`
    mkdirSync(work, { recursive: true })
    writeFileSync(join(work, 'pom.xml'), POM)
    const jars = join(work, 'jars')
    const result = await runTool('mvn', [...MAVEN, `-DoutputDirectory=${jars}`], {
      cwd: work,
      env: places.env,
      timeoutSeconds: 900,
      onTick: () => progress.doing(`${count(jars)} jars`),
    })
    if (result.code !== 0 || result.stopped) {
      progress.say(result.output.trim())
      throw new SetupError('SETUP_KAFKA_FAILED', reasonLine(result))
    }
    rmSync(folderIn(places), { recursive: true, force: true })
    renameSync(jars, folderIn(places))
    rmSync(work, { recursive: true, force: true })
    return `${count(folderIn(places))} jars`
  },
}

/** The folder of the jars, or undefined where set-up has not fetched them. It has its name only when it is whole. */
export function kafkaJars(places = standardPlaces()) {
  return existsSync(folderIn(places)) ? folderIn(places) : undefined
}

const folderIn = ({ cache }) => join(cache, `kafka-${KAFKA_VERSION}`)
const count = (folder) => (existsSync(folder) ? readdirSync(folder).length : 0)

/** Maven keeps what it has downloaded, so that a run that was stopped goes on where it was. */
const MAVEN = ['-B', 'dependency:copy-dependencies', '-DincludeScope=runtime']

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>antikythera</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`
