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

/** `counter(name, …labels).help(text)` is a row of the table. */
const rowOf =
  <const Kind extends MetricSpec['kind']>(kind: Kind) =>
  <const Labels extends readonly string[]>(name: MetricSpec['name'], ...labels: Labels) => ({
    help: (help: string) => ({ kind, name, labels, help }),
  })

const counter = rowOf('counter')
const gauge = rowOf('gauge')

function histogram<const Labels extends readonly string[]>(
  buckets: readonly number[],
  name: MetricSpec['name'],
  ...labels: Labels
) {
  const row = rowOf('histogram')(name, ...labels)
  return { help: (help: string) => ({ ...row.help(help), buckets }) }
}

export const metricTable = {
  // ── the server ──
  requests: counter('antikythera_requests_total', 'route', 'method', 'status').help(
    'HTTP requests answered, by route pattern and status.',
  ),
  rateLimitedRequests: counter('antikythera_rate_limited_requests_total', 'key').help(
    'Requests refused because the key sent too many, by the name of the key.',
  ),
  rateLimitedNames: gauge('antikythera_rate_limited_names', 'kind').help(
    'Keys and event sources that have a counted rate, at most 10,000 of each kind: key or source.',
  ),
  auditRecords: counter('antikythera_audit_records_total', 'result').help(
    'Actions of operators by what became of their record: written, failed (see the log), or left_out because a key was refused too often.',
  ),
  auditBytes: gauge('antikythera_audit_bytes').help(
    'Size of the audit log on disk, at most limits.audit_bytes.',
  ),
  requestSeconds: histogram(FAST_SECONDS, 'antikythera_request_seconds', 'route', 'method').help(
    'Time from the first byte of a request to the last byte of its answer.',
  ),
  predictions: counter('antikythera_predictions_total', 'model').help('Inputs answered.'),
  generatedTokens: counter('antikythera_generated_tokens_total', 'model').help(
    'Tokens written in answers of a language model.',
  ),
  promptTokens: counter('antikythera_prompt_tokens_total', 'model').help(
    'Tokens of the prompts that a language model has read, those of antikythera_cached_prompt_tokens_total included.',
  ),
  cachedPromptTokens: counter('antikythera_cached_prompt_tokens_total', 'model').help(
    'Tokens of prompts whose keys and values were kept from an earlier text of the same version.',
  ),
  firstTokenSeconds: histogram(FAST_SECONDS, 'antikythera_first_token_seconds', 'model').help(
    'Time from the request to the first token of its answer, the time in the queue included.',
  ),
  generationRunning: gauge('antikythera_generation_running', 'model').help(
    'Answers of a language model that are being written; at most limits.generation_texts for each base.',
  ),
  generationWaiting: gauge('antikythera_generation_waiting', 'model').help(
    'Answers of a language model that wait to be written; at most eight times limits.generation_texts for each base.',
  ),
  generationCacheBytes: gauge('antikythera_generation_cache_bytes', 'base').help(
    'Keys and values kept of the answers that are being written; at most limits.generation_cache_bytes for each base.',
  ),
  prefixCacheBytes: gauge('antikythera_prefix_cache_bytes', 'base').help(
    'Keys and values kept of prompts and answers, for prompts that begin with the same tokens; at most what antikythera_generation_cache_bytes leaves of limits.generation_cache_bytes.',
  ),
  armPredictions: counter('antikythera_arm_predictions_total', 'model', 'arm').help(
    'Inputs answered by the live version, by a canary, or by a version that the request named.',
  ),
  failedAnswers: counter('antikythera_failed_answers_total', 'model', 'fault').help(
    'Requests that the live version failed to answer, by fault: engine, or not_finite (an output is no finite number). What the caller did wrong and a full queue do not count.',
  ),
  canaryShare: gauge('antikythera_canary_share', 'model').help(
    'Share of the requests that the canary answers here; 0 = there is none, or it could not be loaded.',
  ),
  shadowAnswers: counter('antikythera_shadow_answers_total', 'model', 'agrees').help(
    'Answers computed by a shadow, by whether the live version gave the same one.',
  ),
  shadowQueue: gauge('antikythera_shadow_queue_rows', 'model').help(
    'Rows that wait for a shadow; at most a quarter of limits.queue.',
  ),
  shadowDropped: counter('antikythera_shadow_dropped_total', 'model', 'reason').help(
    'Rows that a shadow did not answer: the queue was full, feedback came first (late), or it failed.',
  ),
  truncated: counter('antikythera_truncated_texts_total', 'model', 'by').help(
    'Texts longer than max_tokens, and prompts longer than a language model reads, that were truncated: by the server for an answer, by the trainer for an event.',
  ),
  batcherQueue: gauge('antikythera_batcher_queue_rows', 'model').help(
    'Rows waiting for the serving engine.',
  ),
  batchRows: histogram(BATCH_ROWS, 'antikythera_batch_rows', 'model').help(
    'Rows per run of the serving engine.',
  ),
  swaps: counter('antikythera_swaps_total', 'model', 'by').help(
    'Moves of the live pointer that this server applied: by the trainer, a rollback, a promotion.',
  ),
  swapSeconds: histogram(FAST_SECONDS, 'antikythera_swap_seconds', 'model').help(
    'Time to load, verify and warm up a version before it answers; requests do not wait for it.',
  ),
  swapFailures: counter('antikythera_swap_failures_total', 'model', 'code').help(
    'Versions that could not be served; the previous one keeps answering.',
  ),
  liveGeneration: gauge('antikythera_live_generation', 'model').help(
    'Generation: the number of moves of the live pointer that this server has seen.',
  ),
  inboxEvents: gauge('antikythera_inbox_events', 'model').help(
    'Feedback in the HTTP inbox that no checkpoint covers yet.',
  ),
  // ── the stream ──
  feedbackAccepted: counter('antikythera_feedback_accepted_total', 'model').help(
    'Feedback events made durable over HTTP.',
  ),
  feedbackDuplicates: counter('antikythera_feedback_duplicates_total', 'model').help(
    'Feedback events over HTTP with an id that was already known.',
  ),
  feedbackRejected: counter('antikythera_feedback_rejected_total', 'model', 'code').help(
    'Feedback events refused over HTTP, by code.',
  ),
  lag: gauge('antikythera_lag_events', 'model').help(
    'Events that the trainer has not read; absent while one of its sources cannot be read.',
  ),
  pending: gauge('antikythera_pending_events', 'model').help(
    'Events read and scored that wait for the next update.',
  ),
  setAside: gauge('antikythera_set_aside_events', 'model').help(
    'Events set aside by rollbacks: relearn or discard them.',
  ),
  quarantined: gauge('antikythera_quarantined_events', 'model').help(
    'Examples that the defence keeps back: release or drop them.',
  ),
  keptBack: counter('antikythera_kept_back_total', 'model', 'why').help(
    'Examples that the defence has kept back, by reason: outlier, hostile, over-share, over-daily.',
  ),
  receipts: gauge('antikythera_receipts', 'model', 'state').help(
    'Events that the trainer has read, by what became of them: each counts once. State "older" fell out of the event log.',
  ),
  eventLogRows: gauge('antikythera_event_log_rows', 'model').help(
    'Rows of the event log, at most limits.event_log.',
  ),
  eventLogBytes: gauge('antikythera_event_log_bytes', 'model').help(
    'Size of the event log; bounded by limits.event_log.',
  ),
  heldOut: gauge('antikythera_held_out_events', 'model').help(
    'Events kept for comparing versions, which nothing trains on.',
  ),
  latentBytes: gauge('antikythera_latent_bytes', 'model').help(
    'Activations kept for replay, in memory; bounded by limits.latent_bytes.',
  ),
  retractionsAhead: gauge('antikythera_retractions_ahead', 'model').help(
    'Retractions that arrived before their events, which will be refused.',
  ),
  paused: gauge('antikythera_paused', 'model').help('Whether a person has paused learning.'),
  waitingJoins: gauge('antikythera_waiting_joins_events', 'model').help(
    'Events waiting for the prediction they refer to.',
  ),
  events: gauge('antikythera_trainer_events', 'model', 'outcome').help(
    'Results of the events that the trainer has read since the model was created: accepted, duplicates, learned, rejected.',
  ),
  deadLetters: counter('antikythera_dead_letters_total', 'model', 'code').help(
    'Dead letters: events that could not be learned from, by code.',
  ),
  sourceRecords: counter('antikythera_source_records_total', 'model', 'source').help(
    'Records that the trainer received from a source.',
  ),
  sourceBytes: counter('antikythera_source_bytes_total', 'model', 'source').help(
    'Bytes of these records, after decompression.',
  ),
  sourceRefused: counter('antikythera_source_refused_total', 'model', 'source').help(
    'Messages of a source that arrived truncated or unreadable: over a limit, or with a codec that failed.',
  ),
  sourceRebalances: counter('antikythera_source_rebalances_total', 'model', 'source').help(
    'Reassignments of the partitions of a source.',
  ),
  sourceResets: counter('antikythera_source_resets_total', 'model', 'source').help(
    'Times that a source had content other than what was read from it: a topic created again, a file truncated or replaced.',
  ),
  sourceMissing: counter('antikythera_source_missing_total', 'model', 'source').help(
    'Records of a source known to be lost before they were read; there may be more.',
  ),
  sourceLag: gauge('antikythera_source_lag', 'model', 'source').help(
    'Records in a source that the trainer has not consumed; absent while it cannot be read.',
  ),
  sourceUp: gauge('antikythera_source_up', 'model', 'source').help(
    'Whether a source can be read: 1, or 0 while it fails and is retried.',
  ),
  unknownKeys: counter('antikythera_unknown_keys_total', 'model').help(
    'Unknown keys of events, which are ignored.',
  ),
  predictionsDropped: counter('antikythera_predictions_dropped_total', 'model').help(
    'Served predictions that could not be stored on disk: feedback that refers to them cannot be joined.',
  ),
  idsForgotten: counter('antikythera_ids_forgotten_total', 'model', 'by').help(
    'Event ids forgotten because of limits.seen_events, by the inbox or the trainer: a duplicate would be accepted again.',
  ),
  feedbackForwarded: counter('antikythera_feedback_forwarded_total', 'model').help(
    'Accepted feedback that this replica has forwarded to the stream of the fleet.',
  ),
  fleetQuestions: counter('antikythera_fleet_questions_total', 'result').help(
    'Receipts and lists that this replica asked the other daemons for: answered, silent (not all answered in time), or refused (100 waited already).',
  ),
  sinkWritten: counter('antikythera_sink_written_total', 'model', 'sink').help(
    'Dead letters or predictions that a sink acknowledged.',
  ),
  versionsKept: gauge('antikythera_versions_kept', 'model').help(
    'Versions with stored bytes, as of the last update; keep and pins decide.',
  ),
  versionsBytes: gauge('antikythera_versions_bytes', 'model').help(
    'Total size of these versions; keep.bytes bounds it, except for pinned ones.',
  ),
  registryRepairs: counter('antikythera_registry_repairs_total', 'model', 'what').help(
    'What the shared registry had lost and this replica put back: the live pointer, or the bytes of a version.',
  ),
  storeBytes: gauge('antikythera_store_bytes', 'model', 'store').help(
    'Size on disk of state, inbox, registry and dead-letters, logs included; each levels off at its limits.',
  ),
  sinkDropped: counter('antikythera_sink_dropped_total', 'model', 'sink').help(
    'Dead letters or predictions lost for a sink: refused for good, or dropped because the buffer was full.',
  ),
  deadLettersGone: counter('antikythera_dead_letters_gone_total', 'model').help(
    'Dead letters removed because of limits.dead_letters, oldest first.',
  ),
  memorised: gauge('antikythera_memory_examples', 'model').help(
    'Examples in kNN memory, which vote along with the head; memory.capacity bounds them.',
  ),
  expertWeight: gauge('antikythera_expert_weight', 'model', 'expert').help(
    'With memory: mixture, what each expert counts in an answer, by what it got right lately. They sum to 1.',
  ),
  driftAlarms: counter('antikythera_drift_alarms_total', 'model').help(
    'Alarms of a drift trigger.',
  ),
  // ── the trainer ──
  updates: counter('antikythera_updates_total', 'model').help(
    'Finished updates: pending events learned, candidate scored and decided on.',
  ),
  computeSeconds: counter('antikythera_update_cpu_seconds_total', 'model', 'part').help(
    'CPU seconds of the trainer during updates since the model was created, by part: training or evaluation.',
  ),
  budgetUsed: gauge('antikythera_cpu_budget_used_ratio', 'model').help(
    'CPU seconds of the last hour over budget.cpu_seconds_per_hour; at 1 the next update waits. Absent without a budget.',
  ),
  updatesScaledBack: counter('antikythera_updates_scaled_back_total', 'model').help(
    'Updates that moved the weights further than defence.max_update lets one version, and were scaled back.',
  ),
  earlyStops: counter('antikythera_early_stops_total', 'model').help(
    'Updates that ended before all of their passes, because the loss of held-out rows rose (train.early_stop).',
  ),
  fitLoss: gauge('antikythera_fit_loss', 'model', 'rows').help(
    'Fading mean of the loss after each update: rows is trained (replayed rows), held-out, or prequential where nothing is held out.',
  ),
  overfitting: gauge('antikythera_overfitting', 'model').help(
    'Whether the loss of unseen rows has been above that of replayed rows by evaluation.overfitting.gap for too many updates.',
  ),
  promotionVerdicts: counter(
    'antikythera_promotion_verdicts_total',
    'model',
    'policy',
    'verdict',
  ).help('Decisions of each promotion policy about finished candidates: promote or hold.'),
  steps: gauge('antikythera_steps', 'model').help('Optimizer steps since the model was created.'),
  stepSeconds: histogram(FAST_SECONDS, 'antikythera_step_seconds', 'model').help(
    'Mean time of an optimizer step in each update: forward, backward and optimizer.',
  ),
  droppedSteps: gauge('antikythera_dropped_steps', 'model').help(
    'Steps dropped because loss or gradients were not finite.',
  ),
  loss: gauge('antikythera_prequential_loss', 'model').help(
    'Mean loss of recent events before they were learned.',
  ),
  accuracy: gauge('antikythera_prequential_accuracy_ratio', 'model', 'window').help(
    'Share of events answered correctly before they were learned; window is all, recent, or recent_by_source, in which each source has the same weight.',
  ),
  baselineAccuracy: gauge('antikythera_baseline_accuracy_ratio', 'model', 'baseline').help(
    'Share of recent events that a baseline answers correctly: majority, the most frequent label so far, or last_label.',
  ),
  absoluteError: gauge('antikythera_absolute_error', 'model', 'window').help(
    'Mean distance of answers from the values that were right, each before it was learned; window is all or recent.',
  ),
  reward: gauge('antikythera_reward', 'model', 'of').help(
    'Mean reward of the items of rankings that were shown, from 0 to 1 between reward_min and reward_max; of is all, recent, first_recent (first places alone), or uniform_recent, what a uniform choice would have earned there.',
  ),
  rewardLoss: gauge('antikythera_reward_loss', 'model', 'of').help(
    'Mean of -log p of recent rewards, each before it was learned; of is model, or mean: always expecting the mean so far.',
  ),
  tokenLoss: gauge('antikythera_token_loss', 'model', 'window').help(
    'Mean of -log p of the tokens of completions, each before it was learned; window is all or recent.',
  ),
  klToBase: gauge('antikythera_kl_to_base', 'model').help(
    'KL of the next token to that of the base without an adapter after the last update, the mean over answers, in nats.',
  ),
  rewardAccuracy: gauge('antikythera_reward_accuracy', 'model', 'window').help(
    'Share of pairs of answers with the higher reward on the chosen side, each before it was learned.',
  ),
  ratingsUp: gauge('antikythera_ratings_up', 'model', 'window').help(
    'Share of the ratings of answers that are 1.',
  ),
  answerReward: gauge('antikythera_answer_reward', 'model', 'window').help(
    'Reward of answers, the mean over events with several answers and their rewards, from 0 to 1.',
  ),
  answerCharacters: gauge('antikythera_answer_characters', 'model').help(
    'Mean length of recent answers that were rated or corrected.',
  ),
  answerRepetition: gauge('antikythera_answer_repetition', 'model').help(
    'Share of the runs of three words in these answers that occurred before in the same answer.',
  ),
  baselineAbsoluteError: gauge('antikythera_baseline_absolute_error', 'model', 'baseline').help(
    'Mean distance of recent values from what a baseline answers: running_mean, the mean of the values so far, or last_value.',
  ),
  spanF1: gauge('antikythera_span_f1_ratio', 'model', 'window').help(
    'F1 of the spans of all answers together, each before its text was learned; window is all or recent.',
  ),
  baselineSpanF1: gauge('antikythera_baseline_span_f1_ratio', 'model', 'baseline').help(
    'The same of recent texts for dictionary: each piece is what it was most often before.',
  ),
  calibrationError: gauge('antikythera_calibration_error_ratio', 'model').help(
    'Expected calibration error of recent answers: how far the scores are from the share of correct answers.',
  ),
  uncalibratedError: gauge('antikythera_uncalibrated_error_ratio', 'model').help(
    'The same for the scores as the weights have them, without the temperature.',
  ),
  temperature: gauge('antikythera_temperature', 'model').help(
    'The temperature that logits are divided by so that scores are probabilities; the next version has it.',
  ),
  sureAnswers: gauge('antikythera_sure_answers_ratio', 'model').help(
    'Share of recent answers with a score of at least `unsure`; absent where the config has none.',
  ),
  sureAccuracy: gauge('antikythera_sure_accuracy_ratio', 'model').help(
    'Share of these answers that were right.',
  ),
  labelsF1: gauge('antikythera_labels_f1_ratio', 'model', 'average', 'window').help(
    'F1 of answers with any number of labels, each before it was learned: average is micro or macro, or majority, the micro F1 of always the most frequent label; window is all or recent.',
  ),
  labelCoverage: gauge('antikythera_label_coverage_ratio', 'model').help(
    'Share of recent answers with at least one label, where any number of labels may hold.',
  ),
  labelPrecision: gauge('antikythera_label_precision_ratio', 'model', 'label').help(
    'Precision per label: the share of recent answers with this label that were correct; at most 32 labels.',
  ),
  labelRecall: gauge('antikythera_label_recall_ratio', 'model', 'label').help(
    'Recall per label: the share of recent examples of this label that were answered correctly; at most 32 labels.',
  ),
  labelSupport: gauge('antikythera_label_events', 'model', 'label').help(
    'Recent examples of a label; at most 32 labels.',
  ),
  labelForgetting: gauge('antikythera_label_forgetting_ratio', 'model', 'label').help(
    'How far the recent recall of a label is below the best that it surely was since the model was created; at most 32 labels.',
  ),
  eventSourceAccuracy: gauge('antikythera_event_source_accuracy_ratio', 'model', 'source').help(
    'Share of recent events of one event source answered correctly before they were learned; at most 32 sources.',
  ),
  sliceAccuracy: gauge('antikythera_slice_accuracy_ratio', 'model', 'slice').help(
    'Share of recent events of one slice answered correctly before they were learned; at most 32 slices.',
  ),
  sliceGap: gauge('antikythera_slice_gap_ratio', 'model', 'bound').help(
    'Widest difference of that share between two slices with enough examples: bound is point, low or high. Absent until there are two.',
  ),
  servedPartError: gauge('antikythera_served_part_error_ratio', 'model', 'by', 'name').help(
    'The same by stratum, slice and source: `by` says which, and `name` is its name; at most 64 of each, and `other`.',
  ),
  servedSliceGap: gauge('antikythera_served_slice_gap_ratio', 'model', 'bound').help(
    'Widest difference of the share of right answers that the live version served between two slices with at least 30 judged answers: bound is point, low or high. Absent until there are two, and where errors are distances.',
  ),
  servedError: gauge('antikythera_served_error', 'model').help(
    'Mean error of the judged answers that the live version served: 0 = all right, 1 = all wrong; for numbers the distance. Absent until one is judged.',
  ),
  servedJudged: gauge('antikythera_served_judged_answers', 'model').help(
    'Answers of the live version that feedback has judged.',
  ),
  scoredVersions: gauge('antikythera_scored_versions', 'model').help(
    'Versions with scores of the answers they served; at most 100.',
  ),
  trialSeconds: gauge('antikythera_trial_seconds', 'model').help(
    'How long the present stage of the trial has lasted; absent where no version is on trial. Without feedback a stage ends only by max_events, max_time or a person.',
  ),
  forgetRequests: gauge('antikythera_forget_requests', 'model', 'state').help(
    'Requests to forget that are not done: asked, rebuilding, or blocked (the trainer has failed). Set by the replica that trains the model.',
  ),
  forgetCertificates: gauge('antikythera_forget_certificates', 'model').help(
    'Requests to forget that are done: certificates on the disk of this replica.',
  ),
  trialJudged: gauge('antikythera_trial_judged_answers', 'model', 'arm').help(
    'Answers of the running trial that feedback has judged: of the version on trial (candidate), and of the live one.',
  ),
  trialError: gauge('antikythera_trial_error', 'model', 'arm').help(
    'Mean error of these answers: 0 = all right, 1 = all wrong; for numbers the distance. Absent until one is judged.',
  ),
  trainerUp: gauge('antikythera_trainer_up', 'model').help(
    'Whether the trainer of the model works or is paused, here or on another daemon: 0 while it starts, has failed or is silent.',
  ),
  trainerRestarts: counter('antikythera_trainer_restarts_total').help(
    'Times that a trainer process ended and was restarted.',
  ),
  tensors: gauge('antikythera_tensors', 'model').help(
    'Tensors alive in the trainer between steps; constant unless there is a leak.',
  ),
  // ── the processes ──
  residentBytes: gauge('antikythera_resident_bytes', 'process').help(
    'Resident memory of the server and of the trainer.',
  ),
  kernelMemoryBytes: gauge('antikythera_kernel_memory_bytes', 'process').help(
    'Memory of the small networks that the trainer trains without TensorFlow; bounded by limits.kernel_memory_bytes.',
  ),
  connections: gauge('antikythera_connections').help(
    'Open HTTP connections, at most limits.connections plus a few for probes.',
  ),
  connectionsEvicted: counter('antikythera_connections_evicted_total').help(
    'Connections without a request in flight that were closed because all slots were taken.',
  ),
  watchers: gauge('antikythera_watchers').help(
    'Open streams of events to pages, at most a sixteenth of limits.connections.',
  ),
  samples: gauge('antikythera_samples', 'model').help(
    'Points kept for the accuracy line of the page, at most 600.',
  ),
  partSamples: gauge('antikythera_part_samples', 'model').help(
    'Points kept for the lines of slices and sources of the page, at most 200.',
  ),
  spans: counter('antikythera_spans_total', 'result').help(
    'Spans of traces: sent to the collector, or dropped because 4,096 were waiting. Only with telemetry.otlp.',
  ),
  spansWaiting: gauge('antikythera_spans_waiting').help(
    'Spans that wait to be sent, at most 4,096.',
  ),
  diskWaiting: gauge('antikythera_disk_waiting').help(
    'Writes waiting for the disk thread of the server: bodies of feedback, dead letters, batches of predictions.',
  ),
  eventLoopDelaySeconds: gauge('antikythera_event_loop_delay_seconds', 'quantile').help(
    'Delay of the server event loop since the last scrape: 0.5, 0.99 and 1.',
  ),
  buildInfo: gauge('antikythera_build_info', 'version', 'node').help(
    'Always 1; the labels say which version runs.',
  ),
} satisfies Record<string, MetricSpec>
