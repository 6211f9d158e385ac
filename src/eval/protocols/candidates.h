#pragma once
// The candidates of each person: drawn, or given by a file.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/metrics/candidate_file.h"
#include "eval/protocols/protocol.h"
#include "eval/queries.h"

namespace kindred::eval {

/// Who is judged among which items. Drawn candidates are the relevant items and `negatives` items
/// without an interaction, in an order drawn too. The draw is by token: seeded by the options' seed
/// and the user's token, over items ordered by token, so any numbering of users and items draws the
/// same.
class CandidateLists {
 public:
  /// Reads the file where the options name one. Throws, with file and line, as read_candidate_file
  /// does and on a person or an item that the data do not know, a person with nothing held out in
  /// the part, and a list without one of the person's held-out items.
  CandidateLists(const Setting& setting, const People& people);

  /// The people judged, ascending: those of the file, else those with something held out.
  const std::vector<Index>& users() const { return users_; }
  /// A person's candidates, in the order in which prompts name them. Throws `config` where the data
  /// hold too few items to draw from.
  std::vector<Index> of(Index user) const;
  /// Says how they came about: the file with its SHA-256, or the draw.
  void describe_to(Protocol& protocol) const;

 private:
  void read_file(const std::string& path);
  void add(const CandidateRow& row, const std::string& at);
  std::vector<Index> drawn(Index user) const;

  const Setting& setting_;
  const People& people_;
  std::vector<Index> users_;
  std::map<Index, std::vector<Index>> given_;
  std::optional<std::string> sha256_;  ///< of the file; nothing where candidates are drawn
  std::vector<Index> by_token_;        ///< items ordered by token
  std::vector<Index> place_;           ///< of each item in that order
};

/// Writes the candidates that an evaluation of these options draws, people ordered by token. Throws
/// as CandidateLists does.
void write_candidates(const std::filesystem::path& path, const data::Dataset& data,
                      const EvaluationOptions& options, data::Part part);

}  // namespace kindred::eval
