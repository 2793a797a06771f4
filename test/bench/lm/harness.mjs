/**
 * The same score from outside: `lm_eval` (EleutherAI's evaluation harness) asks a daemon over its OpenAI endpoint, and asks its own
 * `hf` back-end with the same weights, SmolLM2 as it comes, and with the adapter that the daemon has learned, exported for PEFT. The
 * task is a choice between two words after a sentence of the `sentiment` package.
 *
 *   npm run bench -- lm harness [--rows 200] [--fresh]
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { stringify } from 'yaml'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { startDaemon, untilLearned } from '../lib/daemon.mjs'
import { machine, round, say } from '../lib/figures.mjs'
import { pythonOnPeft } from '../lib/python-on-peft.mjs'
import { openResults } from '../lib/results.mjs'
import { shuffled } from '../lib/text-stream.mjs'
import { sentences } from '../lib/texts.mjs'
import { lmFolder } from './folder.mjs'

const run = promisify(execFile)
const HARNESS = '0.4.13'
/** Without their own dependencies: the rest is there, and torch would ask for 2.5 GB of CUDA. */
const PACKAGES = [
  `lm_eval==${HARNESS}`,
  ...['absl-py==2.5.1', 'aiohappyeyeballs==2.7.1', 'aiohttp==3.14.5', 'aiosignal==1.4.0'],
  ...['attrs==26.1.0', 'certifi==2026.5.20', 'chardet==6.0.0.post1', 'charset-normalizer==3.4.7'],
  ...['cloudpickle==3.1.3', 'colorama==0.4.6', 'dataproperty==1.1.1', 'datasets==5.2.0'],
  ...['defusedxml==0.7.1', 'dill==0.4.1', 'evaluate==0.4.6', 'frozenlist==1.8.0', 'gguf==0.19.0'],
  ...['joblib==1.6.0', 'lxml==6.1.3', 'mbstrdecoder==1.1.5', 'more-itertools==11.2.1'],
  ...['multidict==7.2.1', 'multiprocess==0.70.19', 'narwhals==2.29.0', 'nltk==3.10.4'],
  ...['pandas==3.1.1', 'pathvalidate==3.3.1', 'portalocker==4.4.2', 'propcache==0.5.4'],
  ...['pyarrow==26.0.1', 'pytablewriter==1.2.1', 'python-dateutil==2.9.0.post0', 'pytz==2026.6'],
  ...['requests==2.34.2', 'rouge-score==0.1.2', 'sacrebleu==2.6.0', 'scikit-learn==1.9.1'],
  ...['scipy==1.17.1', 'six==1.17.0', 'sqlitedict==2.1.0', 'tabledata==1.3.5', 'tabulate==0.10.0'],
  ...['tcolorpy==0.1.7', 'tenacity==9.2.1', 'threadpoolctl==3.8.0', 'tiktoken==0.14.0'],
  ...['tzdata==2026.6', 'typepy==1.3.5', 'urllib3==2.7.0', 'word2number==1.1', 'xxhash==4.1.0'],
  'yarl==1.25.1',
]
/** They come as sources alone. */
const SOURCES = ['--no-deps', '--no-binary=sqlitedict,word2number,rouge-score']
const LONGEST = 120
const TAUGHT = 64
const WORDS = ['negative', 'positive']
const GGUF = 'SmolLM2-135M-Instruct.Q4_1.gguf'
const TOKENIZER = `import sys
from transformers import AutoTokenizer
AutoTokenizer.from_pretrained(sys.argv[1], gguf_file=sys.argv[2]).save_pretrained(sys.argv[3])`
const cli = fileURLToPath(new URL('../../../dist/program/src/cli/main.js', import.meta.url))
const asked = (text) => `Review: ${text}\nTone:`
const model = {
  base: 'smollm2',
  task: { generation: { max_tokens: 8 } },
  max_tokens: 128,
  trigger: { policy: 'count', every: 16 },
  promotion: { policy: 'always' },
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rows: { type: 'string', default: '200' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = openResults('lm-harness', { machine: machine(), fresh: values.fresh })
  const settings = { rows: Number(values.rows), taught: TAUGHT, harness: HARNESS, model, seed: 1 }
  const { base, taught } = await results.run('smollm2', settings, async () => compared(settings))
  const rows = Object.entries({ base, taught }).map(([name, figures]) => ({ name, ...figures }))
  results.show(rows)
  return { rows }
}

async function compared({ rows: count, seed }) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-harness-'))
  const random = openRandom(seed, 'bench/harness')
  const rows = shuffled(
    sentences().filter(({ text }) => text.length <= LONGEST),
    random,
  )
  const harness = await openHarness(folder, rows.slice(0, count))
  const daemon = await startDaemon({ model }, { seed })
  try {
    const base = await harness.both(daemon)
    const events = rows.slice(count, count + TAUGHT).map(({ text, label }, at) => ({
      ...{ id: `e${at}`, input: { text: asked(text) }, completion: ` ${label}` },
    }))
    const { status, body } = await daemon.http.post('/v1/models/model/feedback', { events })
    if (status !== 202) throw new Error(`feedback: ${JSON.stringify(body)}`)
    await untilLearned(daemon.http, `/v1/models/model?wait_for=${body.position}`)
    const adapter = join(folder, 'adapter')
    await run(process.execPath, [cli, 'export', '--config', daemon.configFile, '--to', adapter])
    return { base, taught: await harness.both(daemon, adapter) }
  } finally {
    await daemon.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `both`: the scores of the two ways to ask, and how far their log-probabilities are apart. */
async function openHarness(folder, rows) {
  const python = pythonOnPeft(`lm-eval-${HARNESS}`, PACKAGES, SOURCES)
  const weights = join(folder, 'weights')
  cpSync(lmFolder(await openBase('smollm2')), weights, { recursive: true })
  const pulled = join(userCache(), 'models', 'smollm2')
  await run(python, ['-c', TOKENIZER, pulled, GGUF, weights])
  writeTask(folder, rows)
  const ask = async (name, args) => {
    const started = performance.now()
    const out = join(folder, name)
    const words = [
      ...['-m', 'lm_eval', '--include_path', join(folder, 'tasks'), '--tasks', 'tone'],
      ...['--batch_size', '4', '--output_path', out, '--log_samples', ...args],
    ]
    const env = {
      ...process.env,
      HF_HUB_OFFLINE: '1',
      HF_DATASETS_OFFLINE: '1',
      OMP_NUM_THREADS: '1',
    }
    await run(python, words, { env, maxBuffer: 2 ** 28 })
    const seconds = Math.round((performance.now() - started) / 1000)
    const answer = { ...scoreIn(out), seconds }
    rmSync(out, { recursive: true })
    say(`${name}: ${answer.right} % in ${seconds} s`)
    return answer
  }
  return {
    async both({ port }, adapter) {
      const url = `base_url=http://127.0.0.1:${port}/v1/completions`
      const over = `model=model,${url},tokenizer=${weights},tokenized_requests=True,max_length=128`
      const ours = await ask('ours', ['--model', 'local-completions', '--model_args', over])
      const peft = adapter === undefined ? '' : `,peft=${adapter}`
      const own = `pretrained=${weights}${peft},dtype=float32,max_length=128`
      const hf = await ask('hf', ['--model', 'hf', '--device', 'cpu', '--model_args', own])
      const gaps = ours.loglikelihoods.map((one, at) => Math.abs(one - hf.loglikelihoods[at]))
      return {
        ours: { right: ours.right, seconds: ours.seconds },
        hf: { right: hf.right, seconds: hf.seconds },
        farthest: round(Math.max(...gaps), 6),
      }
    },
  }
}

function writeTask(folder, rows) {
  mkdirSync(join(folder, 'tasks'))
  const file = join(folder, 'tone.jsonl')
  const lines = rows.map(({ text, label }) => JSON.stringify({ asked: asked(text), label }))
  writeFileSync(file, `${lines.join('\n')}\n`)
  const task = {
    ...{ task: 'tone', dataset_path: 'json', dataset_kwargs: { data_files: { test: file } } },
    ...{ test_split: 'test', output_type: 'multiple_choice', doc_to_text: '{{asked}}' },
    ...{ doc_to_choice: WORDS, doc_to_target: '{{label}}', metric_list: [{ metric: 'acc' }] },
  }
  writeFileSync(join(folder, 'tasks', 'tone.yaml'), stringify(task))
}

/** `loglikelihoods`: of both words of each row, in the order of the rows. */
function scoreIn(out) {
  const inner = join(out, readdirSync(out)[0])
  const [samples] = readdirSync(inner).filter((name) => name.startsWith('samples_'))
  const rows = readFileSync(join(inner, samples), 'utf8').trimEnd().split('\n').map(JSON.parse)
  rows.sort((one, other) => one.doc_id - other.doc_id)
  return {
    right: round((100 * rows.reduce((sum, { acc }) => sum + acc, 0)) / rows.length, 1),
    loglikelihoods: rows.flatMap(({ filtered_resps: words }) =>
      words.map(([value]) => Number(value)),
    ),
  }
}
