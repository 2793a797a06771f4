/** The rows of the table: what is configured otherwise than by default. `most`: seeds at most, where a run takes long. */
const CAPACITY = 2000
const buffer = (policy) => ({ policy, capacity: CAPACITY })
const head = { method: 'head' }
// The top layer is the tail. Rates as the papers have them: higher for few scales, lower for all weights; the same for the head.
const tail = { rank: 8, alpha: 16, tail_layers: 1 }
const at = (learning_rate) => ({ learning_rate, head_learning_rate: 0.01 })
const methods = {
  lora: { adapter: { method: 'lora', ...tail } },
  dora: { adapter: { method: 'dora', ...tail } },
  bottleneck: { adapter: { method: 'bottleneck', placement: 'pfeiffer', ...tail } },
  loreft: { adapter: { method: 'loreft', ...tail } },
  ia3: { adapter: { method: 'ia3', ...tail }, train: at(0.003) },
  bitfit: { adapter: { method: 'bitfit', ...tail } },
  full: { adapter: { method: 'full', ...tail }, train: at(0.0001) },
}
// Sums do not care how many examples an update has; solving for the head is what an update costs.
const closed = (adapter) => ({ adapter, every: 256 })
// Sums give the same whatever the order, which a second seed shows.
const random = (features, depth, more) => ({
  most: 2,
  adapter: { method: 'ranpac', features, depth, ...more },
  every: 1000,
})
const anacp = (features) => ({
  most: 1,
  adapter: { method: 'anacp', features, depth: 3 },
  every: 1000,
})
// deploy/templates/intents.yaml
const intents = { projection: 'orthogonal', balance: 0.5 }
const replays = ['reservoir', 'class-balanced', 'der++', 'er-ace']

// Many passes want a lower rate.
const rehearsed = { replay_batch: 128, epochs: 4, head_learning_rate: 0.001 }
// A mean of the tokens takes 1.5 KB, so that the buffer of 256 MiB holds either dataset whole.
const whole = { policy: 'reservoir', capacity: 20000 }
const jointly = {
  adapter: head,
  every: 1e5,
  train: { batch: 64, epochs: 12, head_learning_rate: 0.001 },
}

export const configs = [
  ['head · none', { adapter: head }],
  ...replays.map((policy) => [`head · ${policy}`, { adapter: head, replay: buffer(policy) }]),
  ...['reservoir', 'er-ace'].map((policy) => [
    `head · ${policy}, its rate 0.003`,
    { adapter: head, replay: buffer(policy), train: { head_learning_rate: 0.003 } },
  ]),
  [
    'head · reservoir, much rehearsed',
    { adapter: head, replay: buffer('reservoir'), train: rehearsed },
  ],
  [
    'head · reservoir of 20,000, much rehearsed',
    { adapter: head, replay: whole, train: rehearsed },
  ],
  ['ncm', closed({ method: 'ncm' })],
  ['slda', closed({ method: 'slda', depth: 1 })],
  ['slda · 2 layers', closed({ method: 'slda', depth: 2 })],
  ['ranpac · 1,024 features', random(1024, 1)],
  ['ranpac · 1,024 features, 2 layers: the default', random(1024, 2)],
  ['ranpac · 2,048 features, 2 layers', { ...random(2048, 2), most: 1 }],
  ['ranpac · 3,072 features, 2 layers', random(3072, 2)],
  ['ranpac · 3,072 features, 3 layers', { ...random(3072, 3), most: 1 }],
  ['ranpac · of init intents', { ...random(3072, 3, intents), most: 1 }],
  ...[1024, 2048, 3072].map((features) => [
    `anacp · ${features.toLocaleString('en')} features, 3 layers`,
    anacp(features),
  ]),
  ...Object.entries(methods).flatMap(([name, settings]) => [
    [`${name} · none`, settings],
    ...replays.map((policy) => [`${name} · ${policy}`, { ...settings, replay: buffer(policy) }]),
  ]),
  [
    'lora · reservoir of 20,000, much rehearsed',
    {
      most: 1,
      adapter: methods.lora.adapter,
      replay: { ...whole, bytes: 2 ** 30 },
      train: rehearsed,
    },
  ],
  ['joint, retrained after each task', { isRetrained: true, ...jointly }],
]
