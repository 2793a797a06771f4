/**
 * Which tests are quick: those whose imports, followed to the end, start no process, no thread, no service, no engine and no
 * whole server, whose routes take longer to compile than such a file to run. What is imported only when it is called, as the
 * table of plug-ins imports connectors, does not count.
 * `npm run test:unit` runs them in one process, for an answer while one types; `npm test` runs everything.
 */
import { readSources, untilLastImport } from './source-tree.ts'

/** What a quick test does not reach. */
const heavy =
  /^(node:child_process|node:worker_threads|kafkajs|ioredis|onnxruntime-node|playwright-core|@tensorflow\/.*|src\/nn\/tfjs\/tensorflow\.ts|test\/services\/.*|test\/api\/open-served\.ts)$/

/** Many seeds, many requests or real sockets: quick by the rule, and seconds each. */
const slow = [
  /^test\/simulation\//,
  /^test\/(integration|bootstrap)\//,
  /^test\/javascript\.test\.ts$/,
  /^test\/trainer\/(quarantine|compared|forgetting|event-log|on-regression)\.test\.ts$/,
  /^test\/trainer\/(after-rollback|overfitting|slice-gap|on-errors|budget|gate-facts)\.test\.ts$/,
  /^test\/evaluation\/(held-out|served-scores)\.test\.ts$/,
  /^test\/(checkpoint\/damage|serving\/recorded-graph|versions\/(local|peft-bundle))\.test\.ts$/,
  /^test\/policies\/(sequential-test|policies|on-errors)\.test\.ts$/,
]

export function unitTests(): readonly string[] {
  const sources = readSources(['src', 'connectors', 'policies', 'test'], untilLastImport)
  const imports = new Map(
    sources.map((source) => [
      source.path,
      source.imports
        .filter(({ isType, isDynamic }) => !isType && !isDynamic)
        .map(({ target }) => target),
    ]),
  )
  const isQuick = (path: string) =>
    !reached(path, imports).some((target) => heavy.test(target)) &&
    !slow.some((pattern) => pattern.test(path))
  return sources
    .map(({ path }) => path)
    .filter((path) => path.endsWith('.test.ts') && isQuick(path))
}

function reached(start: string, imports: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set<string>()
  const left = [start]
  for (let path = left.pop(); path !== undefined; path = left.pop())
    for (const target of imports.get(path) ?? [])
      if (!seen.has(target)) {
        seen.add(target)
        left.push(target)
      }
  return [...seen]
}
