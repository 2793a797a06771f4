/**
 * Makes json-schema-suite.json of the JSON-Schema-Test-Suite, as the source archive of PyPI's `jsonschema` holds it: draft 7 and 2020-12
 * without what reads other documents.
 *
 *   pip download --no-deps --no-binary :all: jsonschema && tar xzf jsonschema-*.tar.gz
 *   node test/reference/json-schema-suite.mjs jsonschema-*
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const OTHERS = ['refRemote.json', 'vocabulary.json', 'format.json', 'content.json']

const suite = join(process.argv[2] ?? '.', 'json')
const groups = new Map()
for (const draft of ['draft7', 'draft2020-12']) {
  const folder = join(suite, 'tests', draft)
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  for (const file of files.sort().filter((each) => !OTHERS.includes(each)))
    for (const { schema, tests } of JSON.parse(readFileSync(join(folder, file), 'utf8'))) {
      const key = draft + JSON.stringify(schema)
      if (groups.has(key)) continue
      const split = (wanted) =>
        tests.filter((each) => each.valid === wanted).map(({ data }) => data)
      groups.set(key, { draft, file, schema, valid: split(true), invalid: split(false) })
    }
}
const licence = readFileSync(join(suite, 'LICENSE'), 'utf8').trim().split('\n')
const lines = Array.from(groups.values(), (group) => `    ${JSON.stringify(group)}`)
writeFileSync(
  new URL('json-schema-suite.json', import.meta.url),
  `{\n  "licence": ${JSON.stringify(licence)},\n  "schemas": [\n${lines.join(',\n')}\n  ]\n}\n`,
)
console.log(`${groups.size} schemas`)
