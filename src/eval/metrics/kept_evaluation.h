#pragma once
// Kept evaluations, `evaluations/*.json.gz`: all that a comparison needs of an evaluation, without
// the run that was judged, so that rows of different days are paired.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/metrics/dump.h"
#include "eval/metrics/evaluation.h"
#include "eval/metrics/values.h"

namespace kindred::eval {

/// One evaluation with what it came from.
struct KeptEvaluation {
  static constexpr int schema = 1;
  /// Bytes of the decompressed file at most; larger ones are neither written nor read.
  static constexpr uint64_t largest = uint64_t{256} << 20;

  std::string label;   ///< the row it belongs to: its recipe's name
  std::string run;     ///< its run folder: the last two names of the path
  std::string recipe;  ///< fingerprint of the configuration without what seeds and places change
  uint64_t seed = 0;
  std::string split;  ///< fingerprint of the split that was judged
  std::string part;   ///< "test", "valid" or "train"
  Protocol protocol;
  NamedValues values;
  std::vector<GroupValues> groups;
  UserMetrics users;   ///< per-user values
  PointwiseDump rows;  ///< the scored rows of a pointwise evaluation, numbered as they appear
};

/// Writes it as gzip of one JSON object, atomically. Throws `io`, and `bad_data` where it would be
/// larger than what read_kept_evaluation takes.
void write_kept_evaluation(const std::filesystem::path& path, const KeptEvaluation& kept);

/// Reads it back, every bit of every value. Throws `missing`, or `bad_data` with the place in the
/// file: damaged or too large, a newer schema, a part that is missing or of another type, lists of
/// different lengths, numbers out of range, a person twice.
KeptEvaluation read_kept_evaluation(const std::filesystem::path& path);

}  // namespace kindred::eval
