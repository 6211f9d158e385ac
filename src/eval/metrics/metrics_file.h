#pragma once
// metrics.json: what an evaluation found and how, in the form that other programs read.

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "eval/metrics/evaluation.h"
#include "eval/metrics/values.h"

namespace kindred::eval {

/// {"schema": 1, "protocol": {name, negatives, seed, file, mask}, "valid": {name: value},
///  "test": {name: value}, "groups": {group: {"users": n, "metrics": {name: value}}}}; groups of
/// labelled rows say "rows" too; a run trained on everything says "final": true and has no value.
struct MetricsFile {
  static constexpr int schema = 1;

  Protocol protocol;
  NamedValues valid, test;          ///< empty where a part was not evaluated
  std::vector<GroupValues> groups;  ///< of the test part
  bool final_run = false;           ///< trained on everything, so that nothing can be judged
};

Json to_json(const std::vector<GroupValues>& groups);
/// Throws `bad_data` with `where` on a group without its users or with a value that is no number.
std::vector<GroupValues> groups_from_json(const Json& json, const std::string& where);

Json to_json(const MetricsFile& metrics);
/// Throws `bad_data` with `where`: a newer schema, a missing section, a value that is no number or
/// null.
MetricsFile metrics_from_json(const Json& json, const std::string& where);

/// Writes atomically. Throws `io`.
void write_metrics(const std::filesystem::path& path, const MetricsFile& metrics);
/// Throws `missing`, or `bad_data` as metrics_from_json.
MetricsFile read_metrics(const std::filesystem::path& path);

}  // namespace kindred::eval
