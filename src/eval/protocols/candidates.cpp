#include "eval/protocols/candidates.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"

namespace kindred::eval {

CandidateLists::CandidateLists(const Setting& setting, const People& people)
    : setting_(setting), people_(people), users_(people.users()) {
  if (!setting.options.candidates.empty()) {
    read_file(setting.options.candidates);
    return;
  }
  const auto tokens = setting.data.items.tokens();
  by_token_.resize(tokens.size());
  std::iota(by_token_.begin(), by_token_.end(), Index{0});
  std::ranges::sort(by_token_, {}, [&](Index item) -> const std::string& { return tokens[item]; });
  place_.resize(tokens.size());
  for (size_t p = 0; p < by_token_.size(); ++p) place_[by_token_[p]] = static_cast<Index>(p);
}

void CandidateLists::read_file(const std::string& path) {
  const CandidateFile file = read_candidate_file(path);
  sha256_ = file.sha256;
  for (const CandidateRow& row : file.rows) add(row, cat(path, ":", row.line));
  users_.clear();
  for (const auto& [user, items] : given_) users_.push_back(user);
}

void CandidateLists::add(const CandidateRow& row, const std::string& at) {
  const data::Dataset& data = setting_.data;
  const auto user = data.users.find(row.user);
  if (!user)
    throw Error(Exit::bad_data, at, cat("user ", quote(row.user), " is not in the dataset"));
  std::vector<Index>& items = given_[*user];
  for (const std::string& token : row.items) {
    const auto item = data.items.find(token);
    if (!item)
      throw Error(Exit::bad_data, at, cat("item ", quote(token), " is not in the dataset"));
    items.push_back(*item);
  }
  const std::vector<Index> relevant = people_.relevant(*user);
  const char* part = data::part_name(setting_.request.part);
  if (relevant.empty())
    throw Error(Exit::bad_data, at,
                cat("user ", quote(row.user), " has nothing held out in the ", part,
                    " part, so there is nothing to find among the candidates"));
  for (const Index item : relevant)
    if (std::ranges::find(items, item) == items.end())
      throw Error(Exit::bad_data, at,
                  cat("item ", quote(data.items.token(item)), ", held out in the ", part,
                      " part for user ", quote(row.user), ", is not among the candidates"));
}

std::vector<Index> CandidateLists::of(Index user) const {
  return sha256_ ? given_.at(user) : drawn(user);
}

void CandidateLists::describe_to(Protocol& protocol) const {
  protocol.mask = "none";
  if (sha256_) {
    protocol.file = setting_.options.candidates;
    protocol.sha256 = sha256_;
  } else {
    protocol.negatives = setting_.options.negatives;
    protocol.seed = setting_.options.seed;
  }
}

std::vector<Index> CandidateLists::drawn(Index user) const {
  const data::Dataset& data = setting_.data;
  const EvaluationOptions& options = setting_.options;
  std::vector<Index> taken;  // places of what the person has in any part
  for (const Index item : people_.known(user)) taken.push_back(place_[item]);
  std::ranges::sort(taken);
  const auto free_items = static_cast<int64_t>(data.item_count() - taken.size());
  if (free_items < options.negatives)
    throw Error(Exit::config, "evaluation.negatives",
                cat("got ", options.negatives, ", but user '", data.users.token(user),
                    "' has only ", free_items, " items without an interaction"));
  std::vector<Index> chosen;  // places
  for (const Index item : people_.relevant(user)) chosen.push_back(place_[item]);
  std::ranges::sort(chosen);
  Random random(options.seed, "evaluation.negatives:" + data.users.token(user));
  // The k-th unknown item, found by stepping over the known ones: every draw is used, so this ends.
  for (const uint64_t draw :
       random.sample(static_cast<uint64_t>(free_items), static_cast<uint64_t>(options.negatives))) {
    auto place = static_cast<Index>(draw);
    for (const Index known : taken) {
      if (known > place) break;
      ++place;
    }
    chosen.push_back(place);
  }
  // A prompt names them in this order, which must not give the relevant ones away.
  random.shuffle(chosen);
  for (Index& place : chosen) place = by_token_[place];
  return chosen;
}

void write_candidates(const std::filesystem::path& path, const data::Dataset& data,
                      const EvaluationOptions& options, data::Part part) {
  EvaluationOptions drawing = options;
  drawing.protocol = "candidates";
  drawing.candidates.clear();
  EvaluationRequest request;
  request.part = part;
  const Setting setting{data, drawing, request};
  const People people(data, drawing, part);
  const CandidateLists lists(setting, people);
  std::vector<Index> users = lists.users();
  std::ranges::sort(users, {},
                    [&](Index user) -> const std::string& { return data.users.token(user); });
  std::vector<CandidateRow> rows;
  for (const Index user : users) {
    CandidateRow& row = rows.emplace_back();
    row.user = data.users.token(user);
    for (const Index item : lists.of(user)) row.items.push_back(data.items.token(item));
  }
  write_candidate_file(path, rows);
}

}  // namespace kindred::eval
