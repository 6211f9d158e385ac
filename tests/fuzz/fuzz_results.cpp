// What an evaluation wrote, read again, by the first byte: dumps of rankings, rows and answers,
// metrics.json, expressions of metrics, files of candidates, kept evaluations.

#include <cstdint>

#include "core/json.h"
#include "eval/metrics/candidate_file.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/expression.h"
#include "eval/metrics/kept_evaluation.h"
#include "eval/metrics/metrics_file.h"
#include "fuzz/fuzz.h"

using namespace kindred;
using namespace kindred::eval;

namespace {

void rankings(const std::filesystem::path& file) {
  const RankingDump dump = read_ranking_dump(file);
  fuzz::require(dump.ranked.nnz() == static_cast<int64_t>(dump.scores.size()));
  fuzz::require(dump.ranked.rows() == static_cast<int64_t>(dump.users.size()));
  const std::vector<Metric> metrics{parse_metric("recall@20"), parse_metric("ndcg@10"),
                                    parse_metric("map@5")};
  evaluate_dump(dump, metrics, dump.items.size());
}

void candidates(const std::filesystem::path& file) {
  const CandidateFile first = read_candidate_file(file);
  write_candidate_file(file, first.rows);
  const CandidateFile again = read_candidate_file(file);
  fuzz::require(again.rows.size() == first.rows.size());
  fuzz::require(again.rows.back().items == first.rows.back().items);
}

void kept(const std::filesystem::path& file) {
  write_kept_evaluation(file, read_kept_evaluation(file));  // plain text is read too
  read_kept_evaluation(file);
}

void read_as(int kind, const std::filesystem::path& file, const std::string& text) {
  switch (kind) {
    case 0:
      return rankings(file);
    case 1:
      read_pointwise_dump(file);
      return;
    case 2:
      read_generated_dump(file);
      return;
    case 3: {
      const Json written = to_json(metrics_from_json(parse_json(text, "input"), "input"));
      fuzz::require(to_json(metrics_from_json(written, "written")) == written);
      return;
    }
    case 4:
      dump_kind(file);
      return;
    case 6:
      return candidates(file);
    case 7:
      return kept(file);
    default: {
      const std::string written = MetricExpression::parse(text).text();
      fuzz::require(MetricExpression::parse(written).text() == written);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::Folder folder;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  folder.fill({"dump.tsv"}, {text});
  fuzz::parse([&] { read_as(data[0] % 8, folder.path() / "dump.tsv", text); });
  return 0;
}
