/**
 * Downloads networks from the Hugging Face hub with its own client (so the user's mirrors, proxies and credentials
 * apply): the `hf` command, the older `huggingface-cli`, or the Python package.
 */
import { join } from 'node:path'
import { failure } from '../../platform/errors.ts'
import { runTool, reasonLine } from '../../platform/tool.ts'

/** Never the pickles that many repositories have beside their safetensors. */
const files = [
  'config.json',
  'tokenizer.json',
  'model.safetensors',
  'model-*.safetensors',
  'model.safetensors.index.json',
  '1_Pooling/config.json',
  // The language of a decoder: without these it cannot chat, and may not know where an answer ends.
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
  'chat_template.jinja',
]

const SNAPSHOT = [
  'import sys; from huggingface_hub import snapshot_download',
  'snapshot_download(sys.argv[1], local_dir=sys.argv[2], allow_patterns=sys.argv[3:])',
].join('; ')

/** Returns the folder of the model, somewhere in `temporary`. */
export async function fetchFromHub(repository: string, temporary: string): Promise<string> {
  const folder = join(temporary, 'model')
  const download = ['download', repository, '--local-dir', folder]
  const included = files.flatMap((file) => ['--include', file])
  const clients: readonly (readonly [command: string, args: readonly string[]])[] = [
    ['hf', [...download, ...included]],
    ['huggingface-cli', [...download, '--include', ...files]],
    ['python3', ['-c', SNAPSHOT, repository, folder, ...files]],
  ]
  for (const [command, args] of clients) {
    const result = await runTool(command, args)
    if (result.code === 0) return folder
    if (result.missing || result.output.includes("No module named 'huggingface_hub'")) continue
    throw failure('MODEL_PULL_FAILED', `${command} ${repository}: ${reasonLine(result)}`)
  }
  throw failure(
    'MODEL_PULL_FAILED',
    `${repository} needs the client of Hugging Face: pip install huggingface_hub`,
  )
}
