/** `antikythera keys new`: a key for the HTTP endpoint, shown once, and its entry for the config. */
import { Option, type Command } from 'commander'
import { digestOf, newKey, roles, type KeyEntry, type Role } from '../../platform/access/keys.ts'
import { failure } from '../../platform/errors.ts'
import { print } from '../print.ts'

interface NewKeyFlags {
  readonly name: string
  readonly role: readonly Role[]
  readonly source?: readonly string[]
  readonly json?: boolean
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('keys of the HTTP endpoint')
  keys
    .command('new')
    .description('print a new key once, and the entry for server.auth.keys; nothing is stored')
    .requiredOption('--name <name>', 'of the key, in logs, in the audit log and in the history')
    .addOption(
      new Option('--role <role...>', 'what it may do; operate includes read')
        .choices(roles)
        .makeOptionMandatory(),
    )
    .option('--source <source...>', 'event sources that its feedback may name; absent = all')
    .option('--json', 'print one JSON document')
    .action(async (flags: NewKeyFlags) => {
      const { name } = flags
      if (!NAME.test(name))
        throw failure('USAGE', `--name: ${name} is not of the form ${NAME.source}`)
      const key = newKey()
      const entry: KeyEntry = {
        name,
        roles: [...new Set(flags.role)],
        sha256: digestOf(key),
        ...(flags.source && { sources: [...new Set(flags.source)] }),
      }
      const { stringify } = await import('yaml')
      // In quotes where YAML would read a number or null.
      const inYaml = { ...entry, name: stringify(name).trimEnd() }
      print(flags.json, { key, entry }, () => linesOf(key, inYaml))
    })
}

function linesOf(
  key: string,
  { name, roles: given, sha256, sources }: KeyEntry,
): readonly string[] {
  const bound = sources === undefined ? '' : `, sources: ${JSON.stringify(sources)}`
  return [
    key,
    '',
    'It is not shown again. Its entry for the config, under server.auth.keys:',
    `  - { name: ${name}, roles: [${given.join(', ')}], sha256: ${sha256}${bound} }`,
    'then reload the daemon with SIGHUP. A client sends Authorization: Bearer <key>;',
    'the commands of antikythera read it from ANTIKYTHERA_TOKEN or --token.',
  ]
}
