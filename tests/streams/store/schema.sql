CREATE TABLE IF NOT EXISTS `first_records`
(
    `topic` LowCardinality(String),
    `key` UInt128,
    `event_time` DateTime64(3, 'UTC'),
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (topic, key, precedence)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200)
SETTINGS index_granularity = 128, min_compress_block_size = 4096, max_compress_block_size = 8192;

CREATE TABLE IF NOT EXISTS `repeats`
(
    `topic` LowCardinality(String),
    `key` String,
    `run` LowCardinality(String),
    `task` LowCardinality(String),
    `event_time` DateTime64(3, 'UTC'),
    `incarnation` UInt64,
    `partition` UInt64,
    `offset` UInt64,
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(event_time)
ORDER BY (topic, key, event_time, incarnation, partition, offset)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `samples`
(
    `run` LowCardinality(String),
    `task` LowCardinality(String),
    `sample_key` String,
    `event_time` DateTime64(3, 'UTC'),
    `id` String,
    `text` String CODEC(ZSTD(3)) TTL toDateTime(stored_at, 'UTC') + toIntervalDay(400),
    `context` String CODEC(ZSTD(3)) TTL toDateTime(stored_at, 'UTC') + toIntervalDay(400),
    `response` String CODEC(ZSTD(3)) TTL toDateTime(stored_at, 'UTC') + toIntervalDay(400),
    `tags` Map(LowCardinality(String), String),
    `provenance` LowCardinality(String),
    `reference` Array(String),
    `created_at` Nullable(DateTime64(3, 'UTC')),
    `readable` Bool,
    `incarnation` UInt64,
    `topic` LowCardinality(String),
    `partition` UInt64,
    `offset` UInt64,
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128,
    INDEX by_sample_key `sample_key` TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_id `id` TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(event_time)
ORDER BY (run, task, event_time, sample_key)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `results`
(
    `run` LowCardinality(String),
    `task` LowCardinality(String),
    `sample_key` String,
    `event_time` DateTime64(3, 'UTC'),
    `result_id` String,
    `id` String,
    `state` LowCardinality(String),
    `task_version` LowCardinality(String),
    `task_hash` LowCardinality(String),
    `provenance` LowCardinality(String),
    `tags` Map(LowCardinality(String), String),
    `reference` Array(String),
    `annotation_id` String,
    `annotation_missing` LowCardinality(String),
    `annotation_detail` String,
    `label` LowCardinality(String),
    `labels` Array(String),
    `scores` Map(LowCardinality(String), Float64),
    `confidence` Nullable(Float64),
    `confidence_source` LowCardinality(String),
    `annotator` LowCardinality(String),
    `annotator_hash` LowCardinality(String),
    `annotator_model` LowCardinality(String),
    `annotation_calibrator` LowCardinality(String),
    `annotation_price_usd` Nullable(Float64),
    `annotation_latency_ms` Nullable(Float64),
    `annotation_input_tokens` Nullable(Int64),
    `annotation_output_tokens` Nullable(Int64),
    `annotation_calls` Int64,
    `cached` Bool,
    `verdict_id` String,
    `verdict_missing` LowCardinality(String),
    `verdict_detail` String,
    `judge` LowCardinality(String),
    `judge_hash` LowCardinality(String),
    `judge_kind` LowCardinality(String),
    `judge_model` LowCardinality(String),
    `judge_label` LowCardinality(String),
    `judge_score` Nullable(Float64),
    `judge_reason` String CODEC(ZSTD(3)),
    `criteria` Array(String),
    `criterion_versions` Array(String),
    `criterion_scores` Array(Float64),
    `criterion_reasons` Array(String),
    `verdict_price_usd` Nullable(Float64),
    `verdict_latency_ms` Nullable(Float64),
    `verdict_input_tokens` Nullable(Int64),
    `verdict_output_tokens` Nullable(Int64),
    `verdict_calls` Int64,
    `policy` LowCardinality(String),
    `policy_hash` LowCardinality(String),
    `lane` LowCardinality(String),
    `propensity` Nullable(Float64),
    `draw` Nullable(Float64),
    `audit` Bool,
    `p_correct` Nullable(Float64),
    `incarnation` UInt64,
    `partition` UInt64,
    `offset` UInt64,
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128,
    INDEX by_sample_key `sample_key` TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_result_id `result_id` TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(event_time)
ORDER BY (run, task, event_time, sample_key)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `reviews`
(
    `run` LowCardinality(String),
    `task` LowCardinality(String),
    `sample_key` String,
    `event_time` DateTime64(3, 'UTC'),
    `result_id` String,
    `lane` LowCardinality(String),
    `propensity` Float64,
    `audit` Bool,
    `suggestion` Array(String),
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(event_time)
ORDER BY (run, task, event_time, result_id)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `decisions`
(
    `run` LowCardinality(String),
    `task` LowCardinality(String),
    `sample_key` String,
    `event_time` DateTime64(3, 'UTC'),
    `decision_id` String,
    `result_id` String,
    `reviewer` LowCardinality(String),
    `answer` LowCardinality(String),
    `labels` Array(String),
    `label` LowCardinality(String),
    `reason` String,
    `lane` LowCardinality(String),
    `propensity` Float64,
    `audit` Bool,
    `simulated` Bool,
    `decided_at` DateTime64(3, 'UTC'),
    `role` LowCardinality(String),
    `measured` Bool,
    `against` Array(String),
    `seconds` Nullable(Float64),
    `suggestion_shown` Bool,
    `bulk` Bool,
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128,
    INDEX by_sample_key `sample_key` TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_result_id `result_id` TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(event_time)
ORDER BY (run, task, event_time, decision_id)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `outcomes`
(
    `run` LowCardinality(String),
    `task` LowCardinality(String),
    `sample_key` String,
    `event_time` DateTime64(3, 'UTC'),
    `result_id` String,
    `state` LowCardinality(String),
    `labels` Array(String),
    `label` LowCardinality(String),
    `ambiguous` Bool,
    `answers` UInt64,
    `agreed` Bool,
    `adjudicated` Bool,
    `lane` LowCardinality(String),
    `propensity` Float64,
    `audit` Bool,
    `simulated` Bool,
    `at` DateTime64(3, 'UTC'),
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128,
    INDEX by_sample_key `sample_key` TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(event_time)
ORDER BY (run, task, event_time, result_id)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `alarms`
(
    `task` LowCardinality(String),
    `slice` String,
    `signal` LowCardinality(String),
    `alarm_id` String,
    `state` LowCardinality(String),
    `detector` LowCardinality(String),
    `direction` LowCardinality(String),
    `at` DateTime64(3, 'UTC'),
    `since` Nullable(DateTime64(3, 'UTC')),
    `before` String,
    `after` String,
    `evidence` Float64,
    `threshold` Float64,
    `examples` Array(String),
    `by` String,
    `note` String,
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (task, slice, alarm_id, state);

CREATE TABLE IF NOT EXISTS `dead_letters`
(
    `run` LowCardinality(String),
    `task` LowCardinality(String),
    `sample_key` String,
    `event_time` DateTime64(3, 'UTC'),
    `letter_id` String,
    `stage` LowCardinality(String),
    `topic` LowCardinality(String),
    `partition` UInt64,
    `offset` UInt64,
    `incarnation` UInt64,
    `error` LowCardinality(String),
    `detail` String,
    `attempts` Int64,
    `replays` Int64,
    `length` UInt64,
    `sha256` String,
    `complete` Bool,
    `null` Bool,
    `key` String,
    `body` String CODEC(ZSTD(3)) TTL toDateTime(stored_at, 'UTC') + toIntervalDay(400),
    `at` DateTime64(3, 'UTC'),
    `stored_at` DateTime64(3, 'UTC'),
    `precedence` UInt128,
    INDEX by_sample_key `sample_key` TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_letter_id `letter_id` TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(event_time)
ORDER BY (run, task, event_time, letter_id)
TTL toDateTime(stored_at, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `stage_health`
(
    `stage` LowCardinality(String),
    `slot` LowCardinality(String),
    `session` String,
    `at` DateTime64(3, 'UTC'),
    `received` UInt64,
    `emitted` UInt64,
    `in_flight` UInt64,
    `lag` Nullable(Int64),
    `errors` UInt64,
    `retries` UInt64,
    `dead_letters` UInt64,
    `repeats` UInt64,
    `calls` UInt64,
    `spend_usd` Float64,
    `latency_p50_ms` Nullable(Float64),
    `latency_p99_ms` Nullable(Float64),
    `breaker` LowCardinality(String),
    `note` String
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (stage, slot, at)
TTL toDateTime(at, 'UTC') + toIntervalDay(30);

CREATE TABLE IF NOT EXISTS `spend`
(
    `day` Date,
    `task` LowCardinality(String),
    `stage` LowCardinality(String),
    `session` String,
    `number` UInt64,
    `run` LowCardinality(String),
    `usd` Float64,
    `calls` UInt64,
    `input_tokens` UInt64,
    `output_tokens` UInt64
)
ENGINE = ReplacingMergeTree(number)
PARTITION BY toYYYYMM(day)
ORDER BY (day, task, stage, session, number)
TTL toDateTime(day, 'UTC') + toIntervalDay(1200);

CREATE TABLE IF NOT EXISTS `controls`
(
    `task` LowCardinality(String),
    `action` LowCardinality(String),
    `at` DateTime64(3, 'UTC'),
    `by` String,
    `note` String
)
ENGINE = MergeTree
ORDER BY (task, at);

CREATE TABLE IF NOT EXISTS `calibrators`
(
    `fingerprint` String,
    `task` LowCardinality(String),
    `parameters` String,
    `made_at` DateTime64(3, 'UTC'),
    `precedence` UInt128
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (fingerprint);

CREATE TABLE IF NOT EXISTS `versions`
(
    `kind` LowCardinality(String),
    `name` String,
    `hash` String,
    `content` String CODEC(ZSTD(3)),
    `first_seen` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (kind, name, hash);

CREATE TABLE IF NOT EXISTS `snapshots`
(
    `task` LowCardinality(String),
    `slice` String,
    `met` UInt64,
    `incarnation` UInt64,
    `partition` UInt64,
    `offset` UInt64,
    `at` DateTime64(3, 'UTC'),
    `warm` Bool,
    `collected` UInt64,
    `needed` UInt64,
    `state` String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(met)
ORDER BY (task, slice);
