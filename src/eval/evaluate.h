#pragma once
// Any recommender under any protocol.

#include <filesystem>

#include "data/dataset.h"
#include "eval/options.h"
#include "eval/protocols/protocol.h"
#include "model/recommender.h"

namespace kindred::eval {

/// Evaluates. Under `candidates` a recommender that scores is asked for scores and one that answers
/// for answers, as far as the metrics need them: one that only answers yields metrics of generated
/// answers alone. Throws `config` when the recommender lacks what the protocol needs (by name),
/// `bad_data` when the part holds nothing to evaluate, `interrupted` when stopped.
EvaluationOutcome evaluate(model::Recommender& recommender, const data::Dataset& data,
                           const EvaluationOptions& options, const EvaluationRequest& request);

/// Finds every mistake of the options at once. Throws `config`.
void check_options(const EvaluationOptions& options);

/// Writes the dump of an outcome (kept lists, rows or answers), tab-separated, atomically.
void write_dump(const std::filesystem::path& path, const EvaluationOutcome& outcome,
                const data::Dataset& data);

}  // namespace kindred::eval
