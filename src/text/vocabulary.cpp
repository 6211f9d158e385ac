#include "text/vocabulary.h"

#include "core/error.h"
#include "core/strings.h"
#include "text/json_node.h"

namespace kindred::text {
namespace {

constexpr int64_t kLargestId = int64_t{1} << 24;

}  // namespace

void Vocabulary::add(std::string_view token, int64_t id, const std::string& where) {
  const auto fail = [&](const std::string& message) {
    throw Error(Exit::bad_data, where, cat("token ", shown(token), ": ", message));
  };
  if (id < 0 || id > kLargestId) {
    fail(cat("got id ", id, ", expected one from 0 to ", kLargestId));
  }
  if (const auto known = find(token)) {
    if (*known != id) fail(cat("got two ids, ", *known, " and ", id, ", expected one"));
    return;
  }
  const auto at = static_cast<size_t>(id);
  if (at >= pieces_.size()) pieces_.resize(at + 1, nullptr);
  if (pieces_[at]) fail(cat("its id ", id, " already belongs to ", shown(*pieces_[at])));
  pieces_[at] = &ids_.emplace(token, static_cast<int32_t>(id)).first->first;
}

void Vocabulary::finish(const std::string& where) const {
  if (pieces_.empty()) throw Error(Exit::bad_data, where, "the vocabulary is empty");
  for (size_t id = 0; id < pieces_.size(); ++id) {
    if (pieces_[id]) continue;
    throw Error(Exit::bad_data, where,
                cat("no token has the id ", id, ", expected one for each id up to ",
                    pieces_.size() - 1, ", the largest"));
  }
}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

}  // namespace kindred::text
