#pragma once
// Judging a run: validation numbers while it trains, metrics of its parts when it is done.

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "eval/evaluate.h"
#include "eval/metrics/metrics_file.h"
#include "run/run_folder.h"
#include "train/fit.h"

namespace kindred::run {

/// One evaluated part.
using Judged = eval::EvaluationOutcome;

/// Whether a part holds something to judge under the options' protocol: an item to find, or a row.
bool can_judge(const data::Dataset& data, const eval::EvaluationOptions& options, data::Part part);

/// How the validation part is judged: a recipe's file of candidates is of its test part, so
/// validation draws its own.
eval::EvaluationOptions validation_options(eval::EvaluationOptions options);

/// The validation part on the recipe's fixed sample of users or rows (nothing where it holds
/// nothing to judge): the recipe's metrics and those of the selection expression, with its value.
/// `select` is empty or `loss` where no metric selects; throws `config` when it cannot be parsed.
train::Validation validation(model::Recommender& recommender, const data::Dataset& data,
                             const eval::EvaluationOptions& options, const std::string& select);

/// Evaluates a part, keeping ranked lists of the given depth.
Judged judge_part(model::Recommender& recommender, const data::Dataset& data,
                  const eval::EvaluationOptions& options, data::Part part, int64_t keep = 100,
                  std::stop_token stop = {});

/// metrics.json of an evaluation of both parts, each empty where it held nothing to judge.
eval::MetricsFile metrics_file(const std::optional<Judged>& valid,
                               const std::optional<Judged>& test);

/// predictions.tsv: user, item, rank, score of the test lists (or the dump of rows or answers).
void write_predictions(const std::filesystem::path& path, const Judged& test,
                       const data::Dataset& data);

/// Per-user values (and rows, for pointwise protocols) of an evaluated part, for paired tests
/// later: `evaluations/<stem>.users.tsv` and `.rows.tsv`, and both with all that a comparison needs
/// in
/// `.json.gz`, which serves without the run.
void write_user_values(const RunFolder& folder, const std::string& stem, const Judged& judged,
                       const data::Dataset& data);

/// Fingerprint of a configuration without what seeds and places change: runs that differ only in
/// those are one row.
std::string recipe_identity(Json config);

/// "full-test", "candidates-test", …: the stem of an evaluation's files.
std::string evaluation_stem(const std::string& protocol, data::Part part);

}  // namespace kindred::run
