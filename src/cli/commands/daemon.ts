/** The daemon itself: to set it up, start it, look into it, and give keys to others. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Argument, type Command, Option } from 'commander'
import { type KeyEntry, type Role, digestOf, newKey, roles } from '../../platform/access/keys.ts'
import { failure } from '../../platform/errors.ts'
import type { DoctorFlags } from '../doctor/checks.ts'
import {
  type ConfigFlags,
  aboutModel,
  finiteNumber,
  positiveNumber,
  wholeNumber,
  withClient,
  withConfig,
  withModel,
} from '../flags.ts'
import type { InitFlags } from '../local/init.ts'
import type { ServeFlags } from '../local/serve.ts'
import { print } from '../print.ts'
import type { AuditFlags } from '../remote/show-audit.ts'
import type { SourcesFlags } from '../remote/show-sources.ts'
import type { StatusFlags } from '../remote/show-status.ts'
import type { UpFlags } from '../up/run.ts'

/**
 * `antikythera setup`: native TensorFlow for the training engine. The starter runs it before this program is loaded
 * (deploy/bootstrap/antikythera.mjs), so that it also works before a build; this file is its help.
 */
export function registerSetup(program: Command): void {
  program
    .command('setup')
    .description('set up what npm does not install: native TensorFlow, and the build in a checkout')
    .option('--quiet', 'print nothing if there is nothing to do')
    .option('--programs', 'build only what runs: no types and single modules')
    .option('--services', 'also the Kafka broker, for `up`')
    .option('--tests', 'also the packages that only tests need')
    .option('--all', 'everything, including services from Debian packages')
    .option('--json', 'accepted for consistency: progress goes to stderr')
    .action(async () => {
      const { runSetup } = await import('../local/run-program.ts')
      await runSetup(process.argv.slice(3))
    })
}

/** `antikythera demo`: the whole job on this machine, with only the npm packages. */
interface DemoOptions {
  readonly json?: boolean
  readonly serve?: boolean
  readonly kafka?: boolean
  readonly chat?: boolean
  readonly example?: string | true
  readonly seed: string
  readonly port: string
  readonly dataDir?: string
}

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'teach three models from 2,400 sentences while they serve; poison one; roll it back',
    )
    .option('--json', 'print one JSON object as the last line')
    .option('--serve', 'leave the daemon running and print its URLs')
    .option('--kafka', 'two replicas, fed through a Kafka topic; one trainer is killed on the way')
    .option(
      '--chat',
      'a language model instead: it learns a house style from rewritten answers and thumbs, and forgets a burst of bad ones',
    )
    .addOption(
      new Option(
        '--example [name]',
        'a use case of deploy/examples instead: its rows, its models, its table; without a name, the list',
      ).conflicts(['chat', 'kafka']),
    )
    .option('--seed <number>', 'seed of the order of the sentences and of every random stream', '1')
    .option('--port <number>', '0 = any free port', '0')
    .option('--data-dir <folder>', 'keep the state there; absent = a temporary folder')
    .action(async (options: DemoOptions) => {
      if (options.example === true) {
        const { listExamples } = await import('../demo/examples.ts')
        await listExamples(options.json)
        return
      }
      const dataDir = resolve(options.dataDir ?? mkdtempSync(join(tmpdir(), 'antikythera-demo-')))
      const demonstration = {
        ...options,
        dataDir,
        seed: Number(options.seed),
        port: Number(options.port),
      }
      if (options.example !== undefined) {
        const { demonstrateExample } = await import('../demo/examples.ts')
        await demonstrateExample(options.example, demonstration)
      } else if (options.chat === true) {
        const { demonstrateChat } = await import('../demo/chat/demonstrate.ts')
        await demonstrateChat(demonstration)
      } else {
        const { demonstrate } = await import('../demo/demonstrate.ts')
        await demonstrate(demonstration)
      }
      const isKept = options.serve === true || options.dataDir !== undefined
      if (!isKept) rmSync(dataDir, { recursive: true, force: true })
    })
}

/** Each has a template of its name. */
const kinds = {
  text: 'a text classifier',
  intents: 'labels that appear later',
  flags: 'texts with any number of labels',
  spans: 'labelled pieces of texts',
  pictures: 'pictures with a label',
  tables: 'rows',
  numbers: 'rows with a number',
  ranking: 'what to show first',
  chat: 'answers as texts',
  facts: 'answers that are taught once and cited',
}

/** `antikythera init`: writes a first configuration, with comments, for one of the use cases. */
export function registerInit(program: Command): void {
  program
    .command('init')
    .description('write a commented antikythera.yaml to start from')
    .addArgument(
      new Argument(
        '[kind]',
        Object.entries(kinds)
          .map(([kind, what]) => `${kind}: ${what}`)
          .join('; '),
      ).choices(Object.keys(kinds)),
    )
    .addOption(
      new Option(
        '--about <subject>',
        'what the labels of texts are about; with --languages it chooses the base; asked on a terminal',
      ).choices(['tone', 'topic', 'intents']),
    )
    .addOption(new Option('--languages <which>', 'of the texts').choices(['english', 'many']))
    .option('--to <path>', 'file to write', 'antikythera.yaml')
    .option('--force', 'replace an existing file')
    .option('--json', 'print one JSON document')
    .action(async (kind: string | undefined, flags: InitFlags) => {
      const { init } = await import('../local/init.ts')
      await init(kind, flags)
    })
}

/** `antikythera serve`: the daemon. */
export function registerServe(program: Command): void {
  withConfig(program.command('serve').description('run the daemon until it is stopped'))
    .option('--host <address>', 'overrides server.host')
    .option('--port <number>', 'overrides server.port; 0 = any free port')
    .option('--data-dir <folder>', 'overrides data_dir')
    .option('--role <all|trainer|server>', 'overrides role: which parts of the daemon run here')
    .option('--json', 'print one JSON object with the URL as soon as it listens')
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('../local/serve.ts')
      await serve(flags)
    })
}

/** `antikythera up`: broker, Redis and two replicas on this machine, for development. */
export function registerUp(program: Command): void {
  program
    .command('up')
    .description('run broker, Redis and replicas on this machine, until stopped')
    .option('-c, --config <path>', 'config with the models to run; absent = one sentiment model')
    .option('--folder <path>', 'folder for all data', 'data/up')
    .option(
      '--port <number>',
      'port of the first replica; 0 = any free port for each',
      finiteNumber,
      8080,
    )
    .option('--replicas <count>', 'number of replicas', positiveNumber, 2)
    .option('--no-kafka', 'run without the broker')
    .option('--json', 'print one JSON object as soon as everything runs')
    .action(async (flags: UpFlags) => {
      const { up } = await import('../up/run.ts')
      await up(flags)
    })
}

/** `antikythera status`: live version, quality, event counts and lag of each model. */
export function registerStatus(program: Command): void {
  withModel(program.command('status').description('live version, quality and lag of each model'))
    .option(
      '--sample <seconds>',
      'how long to observe the lag, to estimate when it is gone',
      positiveNumber,
      2,
    )
    .option('--labels', 'quality by label, by source, by slice, and against baselines')
    .action(async (model: string | undefined, flags: StatusFlags & { labels?: true }) => {
      if (flags.labels === true) {
        const { showQuality } = await import('../remote/show-quality.ts')
        await showQuality(aboutModel(model, flags))
        return
      }
      const { showStatus } = await import('../remote/show-status.ts')
      await showStatus(aboutModel(model, flags))
    })
}

/** `antikythera sources`: how much each source has taught, how right it was answered, and what it is worth. */
export function registerSources(program: Command): void {
  withModel(
    program
      .command('sources')
      .description('the sources of events: how many, how right, what worth'),
  )
    .option(
      '--worth',
      'accuracy of the model without each source: exact, for closed forms with exact sums',
    )
    .action(async (model: string | undefined, flags: SourcesFlags) => {
      const { showSources } = await import('../remote/show-sources.ts')
      await showSources(aboutModel(model, flags))
    })
}

/** `antikythera audit`: what operators did, when, from where and with which key. */
export function registerAudit(program: Command): void {
  withClient(program.command('audit').description('what operators did, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .action(async (flags: AuditFlags) => {
      const { showAudit } = await import('../remote/show-audit.ts')
      await showAudit(flags)
    })
}

/** `antikythera config`: the effective configuration, and its JSON Schema for editors. */
export function registerConfig(program: Command): void {
  const config = program.command('config').description('check a configuration, or print its schema')
  withConfig(
    config.command('check').description('print every key with its value, defaults filled in'),
  )
    .option('--json', 'print one JSON document')
    .action(async (flags: ConfigFlags & { readonly json?: boolean }) => {
      const { checkModels } = await import('../read-config.ts')
      const { readConfig } = await import('../read-config.ts')
      const { stringify } = await import('yaml')
      const { withoutSecrets } = await import('../../config/config.ts')
      const { writtenModels } = await import('../../config/shards.ts')
      const { writtenLimits } = await import('../../platform/limits.ts')
      const read = readConfig(flags)
      await checkModels(read, flags.config)
      const { server, ...rest } = read
      const { auth, ...open } = server
      const shown = {
        ...(withoutSecrets({ ...rest, models: writtenModels(read) }) as object),
        limits: writtenLimits(read.limits),
        server: auth ? { ...open, auth: { tokens: auth.tokens.length, keys: auth.keys } } : open,
      }
      print(flags.json, shown, () => [stringify(shown).trimEnd()])
    })
  withConfig(
    config
      .command('asyncapi')
      .description(
        'AsyncAPI document of the events that the models of a configuration read and write',
      ),
  )
    .option('--json', 'accepted for consistency: it always prints JSON')
    .action(async (flags: ConfigFlags) => {
      const { readConfig } = await import('../read-config.ts')
      const { asyncApiOf } = await import('../../config/async-api.ts')
      print(true, asyncApiOf(readConfig(flags)), () => [])
    })
  config
    .command('schema')
    .description('JSON Schema, for editors and CI')
    .option('--json', 'accepted for consistency: it always prints JSON')
    .action(async () => {
      const { configJsonSchema } = await import('../../config/config.ts')
      print(true, configJsonSchema(), () => [])
    })
}

/** `antikythera keys new`: a key for the HTTP endpoint, shown once, and its entry for the config. */
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

/** `antikythera doctor`: whether this machine can run the daemon, and how to fix problems. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check this machine; each problem comes with a fix')
    .option('-c, --config <path>', 'check for the daemon of this configuration')
    .option('--set <key.path=value...>', 'overrides one key of the file')
    .option('--json', 'print one JSON document')
    .action(async (flags: DoctorFlags) => {
      const { showHealth } = await import('../doctor/checks.ts')
      await showHealth(flags)
    })
}
