/** Jars by Maven, into a folder of the cache that all checkouts of this user share. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './errors.mjs'
import { runTool, reasonLine } from './tool.mjs'
import { which } from './which.mjs'

/**
 * Fetches the artifacts (`group:name:version`) and everything they need at run time. The folder has its name only when it is
 * whole. Maven keeps what it has downloaded, so a run that was stopped goes on where it was.
 */
export async function fetchJars({ folder, artifacts, code }, { places, progress }) {
  const missing = ['java', 'mvn'].filter((command) => !which(command, places.env))
  if (missing.length > 0) throw new SetupError('SETUP_JAVA_MISSING', missing.join(', '))
  const work = `${folder}.work`
  mkdirSync(work, { recursive: true })
  writeFileSync(join(work, 'pom.xml'), pomOf(artifacts))
  const jars = join(work, 'jars')
  const result = await runTool('mvn', [...COPY, `-DoutputDirectory=${jars}`], {
    cwd: work,
    env: places.env,
    timeoutSeconds: 900,
    onTick: () => progress.doing(`${count(jars)} jars`),
  })
  if (result.code !== 0 || result.stopped) {
    progress.say(result.output.trim())
    throw new SetupError(code, reasonLine(result))
  }
  rmSync(folder, { recursive: true, force: true })
  renameSync(jars, folder)
  rmSync(work, { recursive: true, force: true })
  return `${count(folder)} jars`
}

const COPY = ['-B', 'dependency:copy-dependencies', '-DincludeScope=runtime']
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
