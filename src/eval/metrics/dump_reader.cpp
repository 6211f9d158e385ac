// Reading dumps back, and metrics from them.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/line_reader.h"

namespace kindred::eval {

namespace {

constexpr const char* ranking_header =
    "user:token\tranked:token_seq\tscores:float_seq\trelevant:token_seq";
constexpr const char* pointwise_header = "user:token\titem:token\tlabel:float\tscore:float";
constexpr const char* generated_header = "user:token\tanswer:token_seq\trelevant:token_seq";

void append_items(const LineReader& reader, std::string_view field, data::IdMap& items,
                  data::Csr& csr) {
  const size_t begin = csr.columns.size();
  for_each_part(field, [&](std::string_view token) {
    if (token.empty()) reader.fail("an item of a sequence is empty");
    csr.columns.push_back(items.add(token));
  });
  std::vector<data::Index> sorted(csr.columns.begin() + static_cast<ptrdiff_t>(begin),
                                  csr.columns.end());
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::adjacent_find(sorted);
  if (repeated != sorted.end())
    reader.fail(cat("item '", items.token(*repeated), "' stands twice in a list"));
  csr.offsets.push_back(static_cast<int64_t>(csr.columns.size()));
}

void append_scores(const LineReader& reader, std::string_view field, std::vector<float>& scores) {
  const size_t begin = scores.size();
  for_each_part(field, [&](std::string_view text) {
    const float score = reader.parse_float(text);
    if (scores.size() > begin) {
      const float before = scores.back();
      if (score > before || (std::isnan(before) && !std::isnan(score))) {
        reader.fail(
            cat("score ", score, " follows ", before, ", expected scores that do not rise"));
      }
    }
    scores.push_back(score);
  });
}

void expect_new(const LineReader& reader, std::unordered_set<std::string>& seen,
                const std::string& user) {
  if (!seen.insert(user).second) reader.fail(cat("user '", user, "' has a row already"));
}

}  // namespace

int64_t RankingDump::depth() const {
  int64_t deepest = 0;
  for (int64_t r = 0; r < ranked.rows(); ++r) {
    deepest = std::max(deepest, ranked.offsets[r + 1] - ranked.offsets[r]);
  }
  return deepest;
}

DumpKind dump_kind(const std::filesystem::path& path) {
  LineReader reader(path);
  std::string line;
  if (!reader.next(line)) line.clear();
  if (line == ranking_header) return DumpKind::ranking;
  if (line == pointwise_header) return DumpKind::pointwise;
  if (line == generated_header) return DumpKind::generated;
  reader.fail(cat("got the header '", line.substr(0, 200),
                  "', expected one of a dump of rankings ('", ranking_header,
                  "'), pointwise or generated"));
}

RankingDump read_ranking_dump(const std::filesystem::path& path) {
  LineReader reader(path);
  reader.expect_header(ranking_header);
  RankingDump dump;
  std::unordered_set<std::string> seen;
  std::string line;
  while (reader.next(line)) {
    std::vector<std::string> fields = reader.fields(line, 4);
    expect_new(reader, seen, fields[0]);
    dump.users.push_back(std::move(fields[0]));
    append_items(reader, fields[1], dump.items, dump.ranked);
    append_scores(reader, fields[2], dump.scores);
    if (dump.scores.size() != dump.ranked.columns.size()) {
      reader.fail("the number of scores is not the number of ranked items");
    }
    append_items(reader, fields[3], dump.items, dump.relevant);
  }
  return dump;
}

PointwiseDump read_pointwise_dump(const std::filesystem::path& path) {
  LineReader reader(path);
  reader.expect_header(pointwise_header);
  PointwiseDump dump;
  std::string line;
  while (reader.next(line)) {
    const std::vector<std::string> fields = reader.fields(line, 4);
    if (fields[1].empty()) reader.fail("the item is empty");
    dump.rows.user.push_back(dump.users.add(fields[0]));
    dump.rows.item.push_back(dump.items.add(fields[1]));
    dump.rows.label.push_back(reader.parse_float(fields[2]));
    dump.rows.score.push_back(reader.parse_float(fields[3]));
    if (dump.rows.label.back() != 0.0f && dump.rows.label.back() != 1.0f) {
      reader.fail(cat("got the label ", fields[2], ", expected 0 or 1"));
    }
  }
  return dump;
}

std::vector<GeneratedAnswer> read_generated_dump(const std::filesystem::path& path) {
  LineReader reader(path);
  reader.expect_header(generated_header);
  std::vector<GeneratedAnswer> answers;
  std::unordered_set<std::string> seen;
  std::string line;
  while (reader.next(line)) {
    std::vector<std::string> fields = reader.fields(line, 3);
    if (answers.empty() || answers.back().user != fields[0]) {
      expect_new(reader, seen, fields[0]);
      answers.push_back({fields[0], fields[1], {}});
    } else if (answers.back().answer != fields[1]) {
      reader.fail(cat("user '", fields[0], "' has two answers"));
    }
    if (!fields[2].empty()) answers.back().titles.push_back(std::move(fields[2]));
  }
  return answers;
}

Evaluation evaluate_dump(const RankingDump& dump, std::span<const Metric> metrics, int64_t n_items,
                         bool whole_lists) {
  const int64_t depth = dump.depth();
  RankingSetup setup;
  setup.users = dump.users;
  setup.n_items = dump.items.size();
  for (const Metric& metric : metrics) {
    if (whole_lists || metric.k <= depth) setup.metrics.push_back(metric);
  }
  RankingCollector collector(std::move(setup));
  for (int64_t r = 0; r < dump.ranked.rows(); ++r) {
    collector.add(r, dump.ranked.row(r), dump.relevant.row(r));
  }
  Evaluation found = collector.finish();
  Evaluation evaluation;
  for (const Metric& metric : metrics) {
    const std::string name = metric_name(metric);
    double value = value_of(found.values, name);
    // The collector knew only the items of the dump; the share is of the whole catalogue.
    if (metric.kind == MetricKind::coverage) {
      value = n_items > 0 ? value * dump.items.size() / static_cast<double>(n_items)
                          : std::numeric_limits<double>::quiet_NaN();
    }
    evaluation.values.push_back({name, value});
  }
  evaluation.users = std::move(found.users);
  return evaluation;
}

}  // namespace kindred::eval
