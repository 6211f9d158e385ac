#pragma once
// Dumps: tab-separated files from which every metric can be computed elsewhere. The header names
// columns as RecBole's atomic files do; sequences are separated by spaces; floats have 9
// significant digits, which keeps every bit of a float32, ties included.
//
//   rankings, candidates  user:token  ranked:token_seq  scores:float_seq  relevant:token_seq
//   pointwise             user:token  item:token  label:float  score:float
//   generated             user:token  answer:token_seq  relevant:token_seq
//
// Writers stream: write_file(path, [&](std::ostream& out) { RankingDumpWriter dump(out, tokens);
// ... }).

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "eval/metrics/evaluation.h"

namespace kindred::eval {

/// Appends a token to a line of a table. Throws `bad_data` on an empty one and on white space in
/// it.
void append_token(std::string& line, std::string_view token);

/// Writes rankings (seen items removed, to the asked depth) or candidates (all of them, ranked).
class RankingDumpWriter {
 public:
  /// `item_tokens` by item number; must outlive the writer.
  RankingDumpWriter(std::ostream& out, std::span<const std::string> item_tokens);

  /// One row; `ranked` best first with its scores. Throws `bad_data` on a token with a space, tab
  /// or line break, `internal` when the lengths differ.
  void add(std::string_view user, std::span<const data::Index> ranked,
           std::span<const float> scores, std::span<const data::Index> relevant);

 private:
  std::ostream& out_;
  std::span<const std::string> item_tokens_;
  std::string line_;
};

/// Writes labelled rows.
class PointwiseDumpWriter {
 public:
  explicit PointwiseDumpWriter(std::ostream& out);
  /// Throws `bad_data` as RankingDumpWriter::add does.
  void add(std::string_view user, std::string_view item, float label, float score);

 private:
  std::ostream& out_;
  std::string line_;
};

/// Writes generated answers. A user with several relevant items has one row each, one after
/// another, with the same answer; a user without any has one row with an empty title.
class GeneratedDumpWriter {
 public:
  explicit GeneratedDumpWriter(std::ostream& out);
  /// White space in answers and titles is normalised (normalized_text).
  void add(const GeneratedAnswer& answer);

 private:
  std::ostream& out_;
};

/// A ranking dump in memory: row r is users[r]; items are numbered as they appear.
struct RankingDump {
  std::vector<std::string> users;
  data::IdMap items;
  data::Csr ranked;           ///< [users], best first
  std::vector<float> scores;  ///< one a ranked item
  data::Csr relevant;         ///< [users]

  /// The longest list: metrics with a larger cut-off cannot be computed from it (unless its lists
  /// are whole).
  int64_t depth() const;
};

struct PointwiseDump {
  data::IdMap users, items;
  PointwiseRows rows;
};

enum class DumpKind { ranking, pointwise, generated };

/// What a file's header says. Throws `missing`, or `bad_data` when it is no dump.
DumpKind dump_kind(const std::filesystem::path& path);

/// Reads a dump. Throws `missing`, or `bad_data` with file and line: wrong header, number of
/// columns, a number that is none, lists and scores of different length, scores that rise, a user
/// or an item of a list twice.
RankingDump read_ranking_dump(const std::filesystem::path& path);
PointwiseDump read_pointwise_dump(const std::filesystem::path& path);
std::vector<GeneratedAnswer> read_generated_dump(const std::filesystem::path& path);

/// The metrics of a dump; those beyond its depth are n/a unless `whole_lists`. `n_items` is the
/// size of the catalogue, for coverage (0: not known, coverage is n/a).
Evaluation evaluate_dump(const RankingDump& dump, std::span<const Metric> metrics, int64_t n_items,
                         bool whole_lists = false);

}  // namespace kindred::eval
