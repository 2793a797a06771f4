/** Stage 4: TensorFlow.js on WebAssembly. It always works, and is fine for heads and feature vectors. */
export const wasmStage = {
  stage: 'wasm',
  title: 'WebAssembly',
  async reach() {
    return { ok: true, reason: 'no native TensorFlow could be had' }
  },
}

/** The warning says for each stage why it failed and how to fix it. */
export function wasmWarning(attempts) {
  const rule = '!'.repeat(78)
  const lines = attempts.flatMap(({ title, reason, fix }) => [
    `!  ${title}: ${reason}`,
    ...(fix ? [`!      to fix it: ${fix}`] : []),
  ])
  return [
    rule,
    '!  NO NATIVE TENSORFLOW: training runs on WebAssembly.',
    '!  Everything works, but training a transformer is about 20 times slower.',
    '!',
    ...lines,
    '!',
    '!  After fixing any one of these, `npx antikythera setup` tries again.',
    rule,
  ].join('\n')
}
