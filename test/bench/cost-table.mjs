/** The table of what methods cost: a line each. */
import { mean, spread } from './figures.mjs'

/** `found`: a repetition each. */
export function tableOf(found, kinds, setting) {
  const rows = kinds.map((kind) => {
    const all = found.map((figures) => figures[kind])
    const of = (field, digits) =>
      spread(
        all.map((figures) => figures[field]),
        digits,
      )
    const [first] = all
    return [
      ...[kind, (first?.own ?? 0).toLocaleString('en'), (first?.bytes ?? 0).toLocaleString('en')],
      of('stepMs', 2),
      `${mean(found.map((figures) => figures[kind].stepMs / figures.head.stepMs)).toFixed(1)} ×`,
      ...[of('versionMs'), of('swapMs'), of('growthMiB', 0)],
    ]
  })
  const columns = [
    ...['method', 'trainable numbers', 'bytes of a version', 'a step, ms', 'to head'],
    ...['making a version, ms', 'swap-in, ms', 'memory, MiB'],
  ]
  const head = found[0]?.head.head.toLocaleString('en')
  return { columns, rows, note: noteOf(head, setting, found.length) }
}

function noteOf(head, setting, repetitions) {
  const steps = setting.rounds * setting.steps
  return [
    `MiniLM (6 layers, 384 wide), the ${setting.tail_layers} upper layers as the tail, rank ${setting.rank}, two labels, sentences of reviews. Trainable`,
    `numbers besides those of the head, ${head} on the embedding alone; bytes of the adapter’s and the head’s files. A step: ${setting.fresh} new and ${setting.fresh} replayed rows`,
    'from kept latents, closed forms the new ones alone. Making a version: solving for the head where it is solved for, and the',
    'bytes of its files. Swap-in: into an engine that answers with another version of the kind. Milliseconds are those that the',
    'threads of a process work, one of TensorFlow or of ONNX Runtime among them, which other load on the machine makes hardly',
    `longer: medians of ${steps} steps, in rounds in which the methods take turns. Memory: the peak of the process that trains over what`,
    `it had with base and engine loaded. All are mean ± standard deviation of ${repetitions} repetitions in fresh processes.`,
  ].join(' ')
}
