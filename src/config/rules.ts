/** Rules that a schema cannot express, because they concern more than one key. Each rule reports what it finds. */
import { isIP } from 'node:net'
import { chosenBase } from './plugins/chosen.ts'
import { connectorProblems } from './connector-rules.ts'
import type { PluginTable } from './schema/plugin-table.ts'
import type { Problem } from './problem.ts'
import { shardNameProblems, shardProblems } from './shards.ts'
import {
  classProblems,
  explorationProblems,
  textProblems,
  isClosedForm,
  taskPluginOf,
  ownEventProblems,
} from './tasks.ts'
import { isFrozen } from '../adapters/view.ts'
import { defaults } from '../plugins.ts'
import { redisProblems, blobProblems } from './fleet.ts'
import type { Config, ModelConfig } from './schema/schema.ts'

type Rule = (config: Config, plugins: PluginTable) => readonly Problem[]
type ModelRule = (model: ModelConfig, config: Config, plugins: PluginTable) => readonly Problem[]

export function checkRules(config: Config, plugins: PluginTable): readonly Problem[] {
  const ofModels = Object.entries(config.models).flatMap(([name, model]) =>
    modelRules
      .flatMap((rule) => rule(model, config, plugins))
      .map((problem) => ({ ...problem, path: ['models', name, ...problem.path] })),
  )
  return [...rules.flatMap((rule) => rule(config, plugins)), ...ofModels]
}

/** The form in which a browser writes an origin: lower case, without a path or the default port. */
function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text)
}

/** RFC 6750, b64token. */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/

const rules: readonly Rule[] = [
  function tokensAreGiven({ server }) {
    const { auth } = server
    if (auth === undefined || auth.tokens.length + auth.keys.length > 0) return []
    return [wrong(['server', 'auth'], 'needs a key or a token: keys, tokens or token_env')]
  },
  function keysDiffer({ server }) {
    return keyProblems(server.auth?.keys ?? [])
  },
  function tokensCanBeSent({ server }) {
    const unusable = server.auth?.tokens.findIndex((token) => !BEARER.test(token)) ?? -1
    if (unusable < 0) return []
    // Identifies which token, but never shows the token itself.
    const message = `holds a character that no Authorization header can carry (token ${unusable + 1})`
    return [wrong(['server', 'auth'], message)]
  },
  function addressNeedsAuth({ server }) {
    if (isLoopback(server.host) || server.auth !== undefined) return []
    const message = `is ${server.host}, which other machines can reach, and server.auth is not set`
    return [{ ...wrong(['server', 'host'], message), code: 'ADDRESS_NEEDS_AUTH' }]
  },
  function originsAreOrigins({ server }) {
    const origins = server.cors?.origins ?? []
    return origins.flatMap((origin, at) => {
      if (origin === '*' || isOrigin(origin)) return []
      const message = `is "${origin}", not an origin such as https://labels.example.com`
      return [wrong(['server', 'cors', 'origins', at], message)]
    })
  },
  function everyPageNeedsAuth({ server }) {
    if (server.auth !== undefined || !server.cors?.origins.includes('*')) return []
    return [
      wrong(
        ['server', 'cors', 'origins'],
        'is "*", which needs server.auth: otherwise any web page could send feedback',
      ),
    ]
  },
  function redisIsUsable({ redis }) {
    return redisProblems(redis)
  },
  blobProblems,
  connectorProblems,
  shardNameProblems,
]

const modelRules: readonly ModelRule[] = [
  function signedSourcesHaveSecrets({ defence }) {
    const bare = Object.entries(defence.sources ?? {}).filter(([, own]) => own.secret === undefined)
    const message = 'needs a secret: secret or secret_env'
    return bare.map(([source]) => wrong(['defence', 'sources', source], message))
  },
  classProblems,
  textProblems,
  explorationProblems,
  ownEventProblems,
  shardProblems,
  function labelsAreUsable({ labels = [] }, { limits }) {
    const [known, path] =
      'open' in labels ? [labels.known, ['labels', 'known']] : [labels, ['labels']]
    const retired = 'open' in labels ? labels.retired : []
    const answering = known.filter((label) => !retired.includes(label)).length
    const tooMany =
      answering > limits.labels
        ? [wrong(path, `has more than limits.labels = ${limits.labels}`)]
        : []
    const faults = (names: readonly string[], at: Problem['path']) =>
      names.flatMap((label, index) => {
        const message = labelFault(label, limits.label_characters)
        return message === undefined ? [] : [wrong([...at, index], message)]
      })
    return [...tooMany, ...faults(known, path), ...faults(retired, ['labels', 'retired'])]
  },
  function fewShotHasSteps({ few_shot: { policy }, adapter }, _config, { methods }) {
    const method = methods[adapter.method]?.open({ rank: 0, alpha: 1, ...adapter })
    if (policy === defaults.policies.few_shot || !method || !isFrozen(method)) return []
    const message = `is ${policy}, which trains the embedding and has no effect here: ${adapter.method} leaves that as it is; leave few_shot out, or choose an adapter such as lora`
    return [wrong(['few_shot', 'policy'], message)]
  },
  function earlyStopHasRows({ train, evaluation }) {
    if (train.early_stop.patience === 0 || evaluation.held_out.share > 0) return []
    const message = 'needs held-out rows: set evaluation.held_out.share, such as 0.05'
    return [wrong(['train', 'early_stop', 'patience'], message)]
  },
  function closedLabelsAreKnown(model, _config, plugins) {
    const { labels } = model
    if (labels === undefined || ('open' in labels && labels.open)) return []
    const known = 'open' in labels ? labels.known : labels
    const retired = 'open' in labels ? labels.retired : []
    const unknown = retired.flatMap((label, index) =>
      known.includes(label)
        ? []
        : [wrong(['labels', 'retired', index], `is ${label}; known: ${known.join(', ')}`)],
    )
    const left = known.filter((label) => !retired.includes(label)).length
    // An answer of one label out of one says nothing; where any number may be right, or none, it does.
    const { hasClasses, areIndependent } = taskPluginOf(model, plugins)
    const [least, words] =
      hasClasses === true && areIndependent !== true
        ? [2, 'two labels that are']
        : [1, 'a label that is']
    if (left >= least) return unknown
    const message = `leaves ${left} to answer; a closed list needs ${words} not retired`
    return [...unknown, wrong('open' in labels ? ['labels', 'known'] : ['labels'], message)]
  },
  function renamedLabelsAreGone({ labels = [] }) {
    if (!('open' in labels) || labels.renamed === undefined) return []
    const { known, open, renamed } = labels
    return Object.entries(renamed).flatMap(([old, name]) => {
      const path = ['labels', 'renamed', old]
      if (known.includes(old))
        return [wrong(path, `is among labels.known, but ${name} replaces it`)]
      if (name in renamed) return [wrong(path, `is ${name}, which is itself renamed`)]
      return open || known.includes(name)
        ? []
        : [wrong(path, `is ${name}; known: ${known.join(', ')}`)]
    })
  },
  function baseFits(model, { limits }, plugins) {
    const { base, adapter, memory } = model
    const { plugin, settings } = chosenBase(base, plugins)
    const faults = plugin.check?.(settings, {
      isClosedForm: isClosedForm(adapter, plugins),
      hasClasses: taskPluginOf(model, plugins).hasClasses === true,
      hasMemory: plugins.policies.memory[memory.policy]?.needsFixedEmbedding === true,
      reach: adapter.tail_layers,
      limits,
    })
    return (faults ?? []).map(({ path, message }) => wrong(path, message))
  },
  function replayFillsItsBatch({ replay, train }) {
    const { capacity } = replay
    if (typeof capacity !== 'number' || capacity >= train.replay_batch) return []
    const message = `is ${capacity}; allowed: at least train.replay_batch = ${train.replay_batch}`
    return [wrong(['replay', 'capacity'], message)]
  },
  function sourcesDiffer({ sources }) {
    const texts = sources.map((source) => JSON.stringify(source))
    return texts.flatMap((text, index) =>
      texts.indexOf(text) === index ? [] : [wrong(['sources', index], 'repeats an earlier source')],
    )
  },
]

function wrong(path: Problem['path'], message: string): Problem {
  return { path, at: 'value', message }
}

/** Names that stand for a token, or for anyone. */
const TAKEN = /^(token-\d+|anonymous)$/

function keyProblems(keys: NonNullable<Config['server']['auth']>['keys']): readonly Problem[] {
  return keys.flatMap(({ name, sha256 }, at) => {
    const path = ['server', 'auth', 'keys', at]
    const earlier = keys.slice(0, at)
    return [
      ...(TAKEN.test(name) ? [wrong([...path, 'name'], 'is not a free name')] : []),
      ...(earlier.some((each) => each.name === name)
        ? [wrong([...path, 'name'], `repeats the name ${name}`)]
        : []),
      ...(earlier.some((each) => each.sha256 === sha256)
        ? [wrong([...path, 'sha256'], `repeats an earlier key`)]
        : []),
    ]
  })
}

function labelFault(label: string, mostCharacters: number): string | undefined {
  if (label.length > mostCharacters) return `is longer than ${mostCharacters} characters`
  if (/\p{Cc}/u.test(label)) return 'holds a control character'
  return undefined
}

/** Only addresses that cannot be reached from outside, whatever a resolver says. */
function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}
