/**
 * Which sources become programs: what the package exports, and what the code starts or reads by its path
 * (`entryUrl('src/…')`). So a new worker thread needs no line here. Paths are from the root of the checkout.
 * And which packages are not bundled with them.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const programsOf = (root) => [...new Set([...exportedBy(root), ...startedBy(root)])].sort()

const BUNDLED = ['typebox']

/** Packages that stay where they are. TypeBox is bundled with a program, being four hundred files. */
export function externalsOf(root) {
  const { dependencies, optionalDependencies } = packageOf(root)
  const names = Object.keys({ ...dependencies, ...optionalDependencies })
  return names.filter((name) => !BUNDLED.includes(name))
}

function exportedBy(root) {
  const { exports } = packageOf(root)
  const built = Object.values(exports).flatMap((each) => each.default ?? [])
  return built.map((path) => path.replace('./dist/program/', '').replace(/\.js$/, '.ts'))
}

export function startedBy(root) {
  const paths = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  return paths
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(root, 'src', path), 'utf8'))
    .flatMap((text) => [...text.matchAll(/entryUrl\('(src\/[^']+)'\)/g)])
    .map(([, path]) => path)
}

function packageOf(root) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
}
