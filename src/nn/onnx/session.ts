/**
 * One ONNX Runtime session: the only file that imports onnxruntime-node. `run` blocks the thread that calls it, so sessions live in
 * worker threads (worker.ts).
 *
 * One thread a session, unless more are asked for, and no spinning: idle threads that spin starve a training that shares the cores,
 * and sums that come out in one order give the same bits every time.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { weightFolder } from '../kept-weights.ts'

/** Plain memory on either side of a run. */
export interface FeedTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array | Uint8Array
}

export type Feeds = Readonly<Record<string, FeedTensor>>

/** A tensor that a session can read; several runs may share it. */
export type OrtTensor = Tensor

export interface OnnxSession {
  /** The inputs of the graph; other feeds are ignored. */
  readonly inputNames: readonly string[]
  /** `wanted`: its outputs; absent = all. */
  run(feeds: Readonly<Record<string, OrtTensor>>, wanted?: readonly string[]): Promise<Feeds>
  close(): Promise<void>
}

/** `threads` of one run. */
export async function openSession(model: Uint8Array, threads = 1): Promise<OnnxSession> {
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        model_external_initializers_file_folder_path: weightFolder(),
      },
      // GELU with the sum before it in one operator takes longer than the two by themselves.
      optimization: { disable_specified_optimizers: 'BiasGeluFusion' },
    },
  })
  const { inputNames, outputNames } = session
  return {
    inputNames,
    async run(feeds, wanted = outputNames) {
      const read = inputNames.filter((name) => name in feeds)
      const outputs = await session.run(pick(feeds, read), wanted)
      return Object.fromEntries(
        Object.entries(outputs).map(([name, value]) => [name, plain(value)]),
      )
    },
    close: () => session.release(),
  }
}

export function ortTensor({ shape, data }: FeedTensor): OrtTensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, shape)
  return data instanceof Int32Array
    ? new Tensor('int32', data, shape)
    : new Tensor('uint8', data, shape)
}

function pick<Value>(from: Readonly<Record<string, Value>>, names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, from[name] as Value]))
}

function plain(value: Tensor): FeedTensor {
  return { shape: value.dims, data: value.data as Float32Array }
}
