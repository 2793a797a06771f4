/** Every metric of the daemon: name, kind, labels and help in one table. The registry and the docs derive from it. */

export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly name: `antikythera_${string}`
  readonly labels: readonly string[]
  readonly help: string
  readonly buckets?: readonly number[]
}

const FAST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const BATCH_ROWS = [1, 2, 4, 8, 16, 32, 64, 128]

export const metricTable = {
  // ── the server ──
  requests: {
    kind: 'counter',
    name: 'antikythera_requests_total',
    labels: ['route', 'method', 'status'],
    help: 'HTTP requests answered, by route pattern and status.',
  },
  rateLimitedRequests: {
    kind: 'counter',
    name: 'antikythera_rate_limited_requests_total',
    labels: ['key'],
    help: 'Requests refused because the key sent too many, by the name of the key.',
  },
  rateLimitedNames: {
    kind: 'gauge',
    name: 'antikythera_rate_limited_names',
    labels: ['kind'],
    help: 'Keys and event sources whose rates are counted, at most limits.rate_limited_names of each kind: key or source.',
  },
  requestSeconds: {
    kind: 'histogram',
    name: 'antikythera_request_seconds',
    labels: ['route', 'method'],
    help: 'Time from the first byte of a request to the last byte of its answer.',
    buckets: FAST_SECONDS,
  },
  predictions: {
    kind: 'counter',
    name: 'antikythera_predictions_total',
    labels: ['model'],
    help: 'Inputs answered.',
  },
  truncated: {
    kind: 'counter',
    name: 'antikythera_truncated_texts_total',
    labels: ['model', 'by'],
    help: 'Texts longer than max_tokens that were truncated: by the server for an answer, by the trainer for an event.',
  },
  batcherQueue: {
    kind: 'gauge',
    name: 'antikythera_batcher_queue_rows',
    labels: ['model'],
    help: 'Rows waiting for the serving engine.',
  },
  batchRows: {
    kind: 'histogram',
    name: 'antikythera_batch_rows',
    labels: ['model'],
    help: 'Rows per run of the serving engine.',
    buckets: BATCH_ROWS,
  },
  swaps: {
    kind: 'counter',
    name: 'antikythera_swaps_total',
    labels: ['model', 'by'],
    help: 'Moves of the live pointer that this server applied: by the trainer, a rollback, a promotion.',
  },
  swapSeconds: {
    kind: 'histogram',
    name: 'antikythera_swap_seconds',
    labels: ['model'],
    help: 'Time to load, verify and warm up a version before it answers; requests do not wait for it.',
    buckets: FAST_SECONDS,
  },
  swapFailures: {
    kind: 'counter',
    name: 'antikythera_swap_failures_total',
    labels: ['model', 'code'],
    help: 'Versions that could not be served; the previous one keeps answering.',
  },
  liveGeneration: {
    kind: 'gauge',
    name: 'antikythera_live_generation',
    labels: ['model'],
    help: 'Generation: the number of moves of the live pointer that this server has seen.',
  },
  inboxEvents: {
    kind: 'gauge',
    name: 'antikythera_inbox_events',
    labels: ['model'],
    help: 'Feedback in the HTTP inbox that no checkpoint covers yet.',
  },
  // ── the stream ──
  feedbackAccepted: {
    kind: 'counter',
    name: 'antikythera_feedback_accepted_total',
    labels: ['model'],
    help: 'Feedback events made durable over HTTP.',
  },
  feedbackDuplicates: {
    kind: 'counter',
    name: 'antikythera_feedback_duplicates_total',
    labels: ['model'],
    help: 'Feedback events over HTTP with an id that was already known.',
  },
  feedbackRejected: {
    kind: 'counter',
    name: 'antikythera_feedback_rejected_total',
    labels: ['model', 'code'],
    help: 'Feedback events refused over HTTP, by code.',
  },
  lag: {
    kind: 'gauge',
    name: 'antikythera_lag_events',
    labels: ['model'],
    help: 'Events in the sources that the trainer has not read.',
  },
  pending: {
    kind: 'gauge',
    name: 'antikythera_pending_events',
    labels: ['model'],
    help: 'Events read and scored that wait for the next update.',
  },
  setAside: {
    kind: 'gauge',
    name: 'antikythera_set_aside_events',
    labels: ['model'],
    help: 'Events set aside by rollbacks: relearn or discard them.',
  },
  heldOut: {
    kind: 'gauge',
    name: 'antikythera_held_out_events',
    labels: ['model'],
    help: 'Events kept for comparing versions, which nothing trains on.',
  },
  retractionsAhead: {
    kind: 'gauge',
    name: 'antikythera_retractions_ahead',
    labels: ['model'],
    help: 'Retractions that arrived before their events, which will be refused.',
  },
  paused: {
    kind: 'gauge',
    name: 'antikythera_paused',
    labels: ['model'],
    help: 'Whether a person has paused learning.',
  },
  waitingJoins: {
    kind: 'gauge',
    name: 'antikythera_waiting_joins_events',
    labels: ['model'],
    help: 'Events waiting for the prediction they refer to.',
  },
  events: {
    kind: 'gauge',
    name: 'antikythera_trainer_events',
    labels: ['model', 'outcome'],
    help: 'Results of the events that the trainer has read since the model was created: accepted, duplicates, learned, rejected.',
  },
  deadLetters: {
    kind: 'counter',
    name: 'antikythera_dead_letters_total',
    labels: ['model', 'code'],
    help: 'Dead letters: events that could not be learned from, by code.',
  },
  sourceRecords: {
    kind: 'counter',
    name: 'antikythera_source_records_total',
    labels: ['model', 'source'],
    help: 'Records that the trainer received from a source.',
  },
  sourceBytes: {
    kind: 'counter',
    name: 'antikythera_source_bytes_total',
    labels: ['model', 'source'],
    help: 'Bytes of these records, after decompression.',
  },
  sourceRefused: {
    kind: 'counter',
    name: 'antikythera_source_refused_total',
    labels: ['model', 'source'],
    help: 'Messages of a source that arrived truncated or unreadable: over a limit, or with a codec that failed.',
  },
  sourceRebalances: {
    kind: 'counter',
    name: 'antikythera_source_rebalances_total',
    labels: ['model', 'source'],
    help: 'Reassignments of the partitions of a source.',
  },
  sourceResets: {
    kind: 'counter',
    name: 'antikythera_source_resets_total',
    labels: ['model', 'source'],
    help: 'Times that a source had content other than what was read from it: a topic created again, a file truncated or replaced.',
  },
  sourceMissing: {
    kind: 'counter',
    name: 'antikythera_source_missing_total',
    labels: ['model', 'source'],
    help: 'Records of a source known to be lost before they were read; there may be more.',
  },
  sourceLag: {
    kind: 'gauge',
    name: 'antikythera_source_lag',
    labels: ['model', 'source'],
    help: 'Records in a source that the trainer has not consumed.',
  },
  sourceUp: {
    kind: 'gauge',
    name: 'antikythera_source_up',
    labels: ['model', 'source'],
    help: 'Whether a source can be read: 1, or 0 while it fails and is retried.',
  },
  unknownKeys: {
    kind: 'counter',
    name: 'antikythera_unknown_keys_total',
    labels: ['model'],
    help: 'Unknown keys of events, which are ignored.',
  },
  predictionsDropped: {
    kind: 'counter',
    name: 'antikythera_predictions_dropped_total',
    labels: ['model'],
    help: 'Served predictions that could not be stored on disk: feedback that refers to them cannot be joined.',
  },
  idsForgotten: {
    kind: 'counter',
    name: 'antikythera_ids_forgotten_total',
    labels: ['model', 'by'],
    help: 'Event ids forgotten because of limits.seen_events, by the inbox or the trainer: a duplicate would be accepted again.',
  },
  feedbackForwarded: {
    kind: 'counter',
    name: 'antikythera_feedback_forwarded_total',
    labels: ['model'],
    help: 'Accepted feedback that this replica has forwarded to the stream of the fleet.',
  },
  sinkWritten: {
    kind: 'counter',
    name: 'antikythera_sink_written_total',
    labels: ['model', 'sink'],
    help: 'Dead letters or predictions that a sink acknowledged.',
  },
  versionsKept: {
    kind: 'gauge',
    name: 'antikythera_versions_kept',
    labels: ['model'],
    help: 'Versions with stored bytes, as of the last update; keep and pins decide.',
  },
  versionsBytes: {
    kind: 'gauge',
    name: 'antikythera_versions_bytes',
    labels: ['model'],
    help: 'Total size of these versions; keep.bytes bounds it, except for pinned ones.',
  },
  registryRepairs: {
    kind: 'counter',
    name: 'antikythera_registry_repairs_total',
    labels: ['model', 'what'],
    help: 'What the shared registry had lost and this replica put back: the live pointer, or the bytes of a version.',
  },
  storeBytes: {
    kind: 'gauge',
    name: 'antikythera_store_bytes',
    labels: ['model', 'store'],
    help: 'Size on disk of state, inbox, registry and dead-letters, logs included; each levels off at its limits.',
  },
  sinkDropped: {
    kind: 'counter',
    name: 'antikythera_sink_dropped_total',
    labels: ['model', 'sink'],
    help: 'Dead letters or predictions lost for a sink: refused for good, or dropped because the buffer was full.',
  },
  deadLettersGone: {
    kind: 'counter',
    name: 'antikythera_dead_letters_gone_total',
    labels: ['model'],
    help: 'Dead letters removed because of limits.dead_letters, oldest first.',
  },
  memorised: {
    kind: 'gauge',
    name: 'antikythera_memory_examples',
    labels: ['model'],
    help: 'Examples in kNN memory, which vote along with the head; memory.capacity bounds them.',
  },
  driftAlarms: {
    kind: 'counter',
    name: 'antikythera_drift_alarms_total',
    labels: ['model'],
    help: 'Alarms of a drift trigger.',
  },
  // ── the trainer ──
  updates: {
    kind: 'counter',
    name: 'antikythera_updates_total',
    labels: ['model'],
    help: 'Finished updates: pending events learned, candidate scored and decided on.',
  },
  steps: {
    kind: 'gauge',
    name: 'antikythera_steps',
    labels: ['model'],
    help: 'Optimizer steps since the model was created.',
  },
  stepSeconds: {
    kind: 'histogram',
    name: 'antikythera_step_seconds',
    labels: ['model'],
    help: 'Mean time of an optimizer step in each update: forward, backward and optimizer.',
    buckets: FAST_SECONDS,
  },
  droppedSteps: {
    kind: 'gauge',
    name: 'antikythera_dropped_steps',
    labels: ['model'],
    help: 'Steps dropped because loss or gradients were not finite.',
  },
  loss: {
    kind: 'gauge',
    name: 'antikythera_prequential_loss',
    labels: ['model'],
    help: 'Mean loss of recent events before they were learned.',
  },
  accuracy: {
    kind: 'gauge',
    name: 'antikythera_prequential_accuracy_ratio',
    labels: ['model', 'window'],
    help: 'Share of events answered correctly before they were learned; window is all, recent, or recent_by_source, in which each source has the same weight.',
  },
  baselineAccuracy: {
    kind: 'gauge',
    name: 'antikythera_baseline_accuracy_ratio',
    labels: ['model', 'baseline'],
    help: 'Share of recent events that a baseline answers correctly: majority, the most frequent label so far, or last_label.',
  },
  absoluteError: {
    kind: 'gauge',
    name: 'antikythera_absolute_error',
    labels: ['model', 'window'],
    help: 'Mean distance of answers from the values that were right, each before it was learned; window is all or recent.',
  },
  baselineAbsoluteError: {
    kind: 'gauge',
    name: 'antikythera_baseline_absolute_error',
    labels: ['model', 'baseline'],
    help: 'Mean distance of recent values from what a baseline answers: running_mean, the mean of the values so far, or last_value.',
  },
  calibrationError: {
    kind: 'gauge',
    name: 'antikythera_calibration_error_ratio',
    labels: ['model'],
    help: 'Expected calibration error of recent answers: how far the scores are from the share of correct answers.',
  },
  labelPrecision: {
    kind: 'gauge',
    name: 'antikythera_label_precision_ratio',
    labels: ['model', 'label'],
    help: 'Precision per label: the share of recent answers with this label that were correct; at most limits.quality_labels labels.',
  },
  labelRecall: {
    kind: 'gauge',
    name: 'antikythera_label_recall_ratio',
    labels: ['model', 'label'],
    help: 'Recall per label: the share of recent examples of this label that were answered correctly; at most limits.quality_labels labels.',
  },
  labelSupport: {
    kind: 'gauge',
    name: 'antikythera_label_events',
    labels: ['model', 'label'],
    help: 'Recent examples of a label; at most limits.quality_labels labels.',
  },
  eventSourceAccuracy: {
    kind: 'gauge',
    name: 'antikythera_event_source_accuracy_ratio',
    labels: ['model', 'source'],
    help: 'Share of recent events of one event source answered correctly before they were learned; at most limits.quality_sources sources.',
  },
  servedError: {
    kind: 'gauge',
    name: 'antikythera_served_error',
    labels: ['model'],
    help: 'Mean error of the judged answers that the live version served: 0 = all right, 1 = all wrong; for numbers the distance. Absent until one is judged.',
  },
  servedJudged: {
    kind: 'gauge',
    name: 'antikythera_served_judged_answers',
    labels: ['model'],
    help: 'Answers of the live version that feedback has judged.',
  },
  scoredVersions: {
    kind: 'gauge',
    name: 'antikythera_scored_versions',
    labels: ['model'],
    help: 'Versions with scores of the answers they served; at most limits.scored_versions.',
  },
  trainerUp: {
    kind: 'gauge',
    name: 'antikythera_trainer_up',
    labels: ['model'],
    help: 'Whether the trainer of the model works or is paused, here or on another daemon: 0 while it starts, has failed or is silent.',
  },
  trainerRestarts: {
    kind: 'counter',
    name: 'antikythera_trainer_restarts_total',
    labels: [],
    help: 'Times that a trainer process ended and was restarted.',
  },
  tensors: {
    kind: 'gauge',
    name: 'antikythera_tensors',
    labels: ['model'],
    help: 'Tensors alive in the trainer between steps; constant unless there is a leak.',
  },
  // ── the processes ──
  residentBytes: {
    kind: 'gauge',
    name: 'antikythera_resident_bytes',
    labels: ['process'],
    help: 'Resident memory of the server and of the trainer.',
  },
  connections: {
    kind: 'gauge',
    name: 'antikythera_connections',
    labels: [],
    help: 'Open HTTP connections, at most limits.connections plus a few for probes.',
  },
  connectionsEvicted: {
    kind: 'counter',
    name: 'antikythera_connections_evicted_total',
    labels: [],
    help: 'Connections without a request in flight that were closed because all slots were taken.',
  },
  diskWaiting: {
    kind: 'gauge',
    name: 'antikythera_disk_waiting',
    labels: [],
    help: 'Writes waiting for the disk thread of the server: bodies of feedback, dead letters, batches of predictions.',
  },
  eventLoopDelaySeconds: {
    kind: 'gauge',
    name: 'antikythera_event_loop_delay_seconds',
    labels: ['quantile'],
    help: 'Delay of the server event loop since the last scrape: 0.5, 0.99 and 1.',
  },
  buildInfo: {
    kind: 'gauge',
    name: 'antikythera_build_info',
    labels: ['version', 'node'],
    help: 'Always 1; the labels say which version runs.',
  },
} as const satisfies Record<string, MetricSpec>
