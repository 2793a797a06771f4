/** The files under deploy/ as tests read them, and the daemon's own tables that they must agree with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { metricTable, type MetricSpec } from '../../src/platform/metric-table.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const deploy = join(root, 'deploy')

export function readText(path: string): string {
  return readFileSync(join(deploy, path), 'utf8')
}

export function readYaml(path: string): unknown {
  return parse(readText(path), { merge: true })
}

/** Every document of a file; a fault in one of them throws. */
export function readDocuments(path: string): readonly unknown[] {
  return parseAllDocuments(readText(path)).map((document) => {
    if (document.errors[0]) throw document.errors[0]
    return document.toJS() as unknown
  })
}

/** Name as Prometheus sees it → its labels; a histogram has three names. */
export function exposedMetrics(): ReadonlyMap<string, readonly string[]> {
  const specs: readonly MetricSpec[] = Object.values(metricTable)
  return new Map(
    specs.flatMap(({ name, kind, labels }): [string, readonly string[]][] =>
      kind === 'histogram'
        ? [
            [`${name}_bucket`, [...labels, 'le']],
            [`${name}_sum`, labels],
            [`${name}_count`, labels],
          ]
        : [[name, labels]],
    ),
  )
}

/** Variables as a container has them, for the loader of the configuration. */
export const secrets = {
  ANTIKYTHERA_TOKEN: 'a-token-of-enough-length',
  ANTIKYTHERA_REDIS_PASSWORD: 'a-password',
}
